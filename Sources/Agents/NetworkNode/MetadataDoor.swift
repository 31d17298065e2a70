package import Base
package import Bus
import Contracts
import Crypto
import HTTP
package import IO
import Synchronization

/// Where guests ask who they are: a listener in each namespace that they reach at 169.254.169.254. Who asks is known by
/// the address that the question comes from; the compute node of that guest has the answer.
package final class MetadataDoor: Sendable {
    /// In a router's namespace port 80 is redirected here.
    static let routerPort = 9_697

    private let bus: any Bus
    private let loops: Loops

    private struct Opening: Sendable {
        let server: HTTPServer
        let closing: AsyncStream<Void>
    }

    private struct State {
        var closers: [String: AsyncStream<Void>.Continuation] = [:]
        /// What guests were told lately: they ask for a dozen things at once.
        var answers: [String: (files: JSON, until: Moment)] = [:]
    }

    private let state = Mutex(State())
    private let openings: AsyncStream<Opening>
    private let opened: AsyncStream<Opening>.Continuation
    private let world: World

    private static let memory: Duration = .seconds(5)

    package init(bus: any Bus, loops: Loops, world: World) {
        self.bus = bus
        self.loops = loops
        self.world = world
        (openings, opened) = AsyncStream.makeStream(of: Opening.self)
    }

    /// Serves whatever is opened, until the task is cancelled.
    package func run() async {
        await withDiscardingTaskGroup { group in
            for await opening in openings {
                group.addTask {
                    await withTaskGroup(of: Void.self) { group in
                        group.addTask { try? await opening.server.run() }
                        group.addTask { for await _ in opening.closing {} }
                        await group.next()
                        group.cancelAll()
                    }
                }
            }
            group.cancelAll()
        }
    }

    func ensureOpen(_ space: Layout.Space) async throws(Failure) {
        guard state.withLock({ $0.closers[space.name] }) == nil else { return }
        let id = String(space.name.drop { $0 != "-" }.dropFirst())
        let isRouter = space.isRouter
        let address: Address =
            isRouter
            ? .tcp(host: "0.0.0.0", port: MetadataDoor.routerPort) : .tcp(host: "169.254.169.254", port: 80)
        let loops = loops
        let server = try await Spaces.inside(space.name) { () throws(Failure) in
            try HTTPServer(on: loops, listeners: [.init(address)]) { [weak self] request in
                await self?.answer(request, network: isRouter ? nil : id, router: isRouter ? id : nil)
                    ?? HTTPResponse(503)
            }
        }
        let (closing, closer) = AsyncStream.makeStream(of: Void.self)
        state.withLock { $0.closers[space.name] = closer }
        opened.yield(Opening(server: server, closing: closing))
    }

    func close(_ space: String) { state.withLock { $0.closers.removeValue(forKey: space) }?.finish() }

    // MARK: Answers

    private func answer(_ request: HTTPRequest, network: String?, router: String?) async -> HTTPResponse {
        guard request.method == "GET" || request.method == "HEAD" else { return HTTPResponse(405) }
        guard let peer = request.peer?.host else { return HTTPResponse(404) }
        do throws(Failure) {
            let files = try await files(of: peer, network, router)
            guard let files else { return HTTPResponse(404) }
            return MetadataDoor.response(request.path, files)
        } catch {
            return HTTPResponse(
                503, headers: ["Content-Type": "text/plain"], body: .bytes(Array("\(error.message)\n".utf8)))
        }
    }

    private func files(of peer: String, _ network: String?, _ router: String?) async throws(Failure) -> JSON? {
        let key = "\(network ?? router ?? "") \(peer)"
        let now = world.now
        if let known = state.withLock({ $0.answers[key] }), known.until > now { return known.files }
        let owner = try await bus.call(
            NetworkMessages.owner, AddressQuestion(network: network, router: router, address: peer),
            deadline: .seconds(10))
        guard let server = owner.device else { return nil }
        let files = try await bus.call(
            ComputeMessages.metadata, on: owner.host, ServerReference(server: server), deadline: .seconds(20))
        state.withLock { state in
            state.answers = state.answers.filter { $0.value.until > now }
            state.answers[key] = (files, now + MetadataDoor.memory)
        }
        return files
    }

    private static func bytes(_ file: JSON) -> [UInt8] {
        if let text = file.string { return Array(text.utf8) }
        return file["base64"]?.string.flatMap { Base64.standard.bytes($0) } ?? []
    }

    /// A file, or the list of what is in a folder.
    static func response(_ path: String, _ files: JSON) -> HTTPResponse {
        let asked = path.split(separator: "/").joined(separator: "/")
        let members = files.object?.members ?? []
        if let file = members.first(where: { $0.name == asked }) {
            let isJSON = asked.hasSuffix(".json")
            return HTTPResponse(
                200, headers: ["Content-Type": isJSON ? "application/json" : "text/plain; charset=UTF-8"],
                body: .bytes(bytes(file.value)))
        }
        let folder = asked.isEmpty ? "" : asked + "/"
        var names: [String] = []
        for member in members where member.name.hasPrefix(folder) {
            let rest = member.name.dropFirst(folder.count)
            let name = rest.prefix { $0 != "/" } + (rest.contains("/") ? "/" : "")
            if !names.contains(String(name)) { names.append(String(name)) }
        }
        guard !names.isEmpty else { return HTTPResponse(404) }
        let all = Set(names)
        names.removeAll { all.contains($0 + "/") }
        // Releases are named without the slash that folders below them have.
        let shown = folder.isEmpty || folder == "openstack/" ? names.map { String($0.prefix { $0 != "/" }) } : names
        return HTTPResponse(
            200, headers: ["Content-Type": "text/plain; charset=UTF-8"],
            body: .bytes(Array(shown.joined(separator: "\n").utf8)))
    }
}
