package import Base
package import Bus
import Contracts
import Crypto
package import HTTP
package import IO
import Synchronization

/// Where guests ask who they are: a listener in each namespace that they reach at 169.254.169.254. Who asks is known by
/// the address that the question comes from; the compute node of that guest has the answer. A guest may also tell
/// something: its password, which the conductor keeps.
package final class MetadataDoor: Sendable {
    /// In a router's namespace port 80 is redirected here.
    static let routerPort = 9_697

    private let bus: any Bus
    private let loops: Loops

    private struct Opening: Sendable {
        let server: HTTPServer
        let closing: AsyncStream<Void>
    }

    /// Somebody who asked.
    private struct Guest: Sendable {
        let server: String
        let files: JSON
        let until: Moment
    }

    private struct State {
        var closers: [String: AsyncStream<Void>.Continuation] = [:]
        /// What guests were told lately: they ask for a dozen things at once.
        var answers: [String: Guest] = [:]
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

    package func answer(_ request: HTTPRequest, network: String?, router: String?) async -> HTTPResponse {
        guard MetadataDoor.methods.contains(request.method) else {
            return HTTPResponse(405, headers: ["Allow": MetadataDoor.methods.joined(separator: ", ")])
        }
        guard let peer = request.peer?.host else { return HTTPResponse(404) }
        do throws(Failure) {
            guard let guest = try await guest(at: peer, network, router) else { return HTTPResponse(404) }
            guard request.method == "POST", MetadataDoor.takesPassword(request.path, guest.files) else {
                // What is told in any other place is a question for what is there.
                return MetadataDoor.response(request.path, guest.files)
            }
            try await keep(request.body, of: guest)
            return HTTPResponse(200, headers: MetadataDoor.plainText)
        } catch {
            return HTTPResponse(
                MetadataDoor.status(error), headers: MetadataDoor.plainText,
                body: .bytes(Array("\(error.message)\n".utf8)))
        }
    }

    private static let methods = ["GET", "HEAD", "POST"]
    private static let plainText: HTTPHeaders = ["Content-Type": "text/plain; charset=UTF-8"]

    private static func status(_ failure: Failure) -> Int {
        switch failure.kind {
        case .invalid, .tooLarge: 400
        case .notFound: 404
        case .conflict: 409
        default: 503
        }
    }

    private static func takesPassword(_ path: String, _ files: JSON) -> Bool {
        let steps = path.split(separator: "/")
        return steps.first == "openstack" && steps.last == "password" && files[steps.joined(separator: "/")] != nil
    }

    private func keep(_ body: HTTPBody, of guest: Guest) async throws(Failure) {
        let bytes = try await body.collect(limit: GuestPassword.limit)
        guard let password = String(validating: bytes, as: UTF8.self) else { throw .invalid("A password is UTF-8.") }
        _ = try await bus.call(
            ComputeMessages.keepPassword, GuestPassword(server: guest.server, password: password),
            deadline: .seconds(20))
        state.withLock { state in state.answers = state.answers.filter { $0.value.server != guest.server } }
    }

    private func guest(at peer: String, _ network: String?, _ router: String?) async throws(Failure) -> Guest? {
        let key = "\(network ?? router ?? "") \(peer)"
        let now = world.now
        if let known = state.withLock({ $0.answers[key] }), known.until > now { return known }
        let owner = try await bus.call(
            NetworkMessages.owner, AddressQuestion(network: network, router: router, address: peer),
            deadline: .seconds(10))
        guard let server = owner.device else { return nil }
        let files = try await bus.call(
            ComputeMessages.metadata, on: owner.host, ServerReference(server: server), deadline: .seconds(20))
        let guest = Guest(server: server, files: files, until: now + MetadataDoor.memory)
        state.withLock { state in
            state.answers = state.answers.filter { $0.value.until > now }
            state.answers[key] = guest
        }
        return guest
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
