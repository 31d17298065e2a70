import API
import Base
import Bus
import Contracts
import SQL
import Synchronization
import Trace

/// What the conductor works on servers with.
struct ServerTools: Sendable {
    let database: Database
    let world: World
    let bus: any Bus
    let neighbours: Compute.Neighbours
    let tokens: any TokenIssuer
    let settings: ComputeSettings
    let reports: BuildReports

    /// Gives back what placement holds for a server; nothing held is fine.
    func release(_ server: ID<Server>) async throws(Failure) { try await release(server.text) }

    func release(_ server: String) async throws(Failure) {
        let token = try await tokens.serviceToken()
        do throws(Failure) {
            _ = try await neighbours.placement.ask("DELETE", "/allocations/\(server)", token: token)
        } catch  where error.kind == .notFound {
            return
        }
    }

    /// Takes a server off its host: guest, disks and the ports that were made for it.
    func clear(_ server: ID<Server>, _ host: String) async throws(Failure) {
        _ = try await bus.call(
            ComputeMessages.remove, on: host, ServerReference(server: server.text), deadline: .seconds(300))
    }
}

/// Builds that hosts were told of and that have not been reported yet.
///
/// The wait is in memory only. When the conductor restarts, the step is run again, the host is told again, and finds
/// that it has built the server already.
final class BuildReports: Sendable {
    private struct State {
        var waiting: [String: CheckedContinuation<Result<Told, Failure>, Never>] = [:]
        var early: [String: Told] = [:]
    }

    /// A report, and the part of the story that came with it.
    private struct Told {
        let report: BuildReport
        let spans: [Span]
    }

    private let state = Mutex(State())

    func wait(
        for server: String, limit: Duration, clock: any Clock, after tell: @escaping @Sendable () async throws -> Void
    ) async throws(Failure) -> BuildReport {
        state.withLock { $0.early[server] = nil }
        do { try await tell() } catch { throw Failure(error) }
        let result = await withTaskGroup(of: Result<Told, Failure>.self) { group in
            group.addTask { await self.next(for: server) }
            group.addTask {
                try? await clock.sleep(for: limit)
                return .failure(Failure.unavailable("The host did not report within \(limit)."))
            }
            let first = await group.next() ?? .failure(.bug("Nothing to wait for."))
            group.cancelAll()
            self.end(server, .failure(.unavailable("The build was given up.")))
            return first
        }
        let told = try result.get()
        Tracing.current?.add(told.spans)
        return told.report
    }

    private func next(for server: String) async -> Result<Told, Failure> {
        await withCheckedContinuation { continuation in
            let early = state.withLock { state -> Told? in
                if let early = state.early.removeValue(forKey: server) { return early }
                state.waiting[server] = continuation
                return nil
            }
            if let early { continuation.resume(returning: .success(early)) }
        }
    }

    /// - Returns: whether somebody here waits for it.
    @discardableResult
    func put(_ report: BuildReport) -> Bool {
        let told = Told(report: report, spans: Tracing.current?.take() ?? [])
        let waiting = state.withLock { state -> CheckedContinuation<Result<Told, Failure>, Never>? in
            if let waiting = state.waiting.removeValue(forKey: report.server) { return waiting }
            // Those that nobody asks for are another conductor's.
            if state.early.count >= BuildReports.earlyLimit { state.early.removeAll() }
            state.early[report.server] = told
            return nil
        }
        waiting?.resume(returning: .success(told))
        return waiting != nil
    }

    /// What comes before anybody waits for it is asked for in a moment, or never.
    private static let earlyLimit = 1_000

    /// Somebody wants the server gone: whoever waits for its build stops waiting.
    func giveUp(on server: String) {
        end(server, .failure(Failure(.conflict, "The server is being deleted.")))
    }

    private func end(_ server: String, _ result: Result<Told, Failure>) {
        state.withLock { $0.waiting.removeValue(forKey: server) }?.resume(returning: result)
    }
}
