import API
import Base
import Contracts
import Crypto
import HTTP
import Policy
import SQL
import Workflow

/// The server stays, its guest is made anew, mostly from another image: id, name, addresses and volumes are kept.
enum RebuildServer: Workflow {
    static let name = "rebuild-server"

    struct State: JSONCoded {
        let server: ID<Server>
        let wasStopped: Bool

        init(server: ID<Server>, wasStopped: Bool) {
            self.server = server
            self.wasStopped = wasStopped
        }

        init(_ json: JSON) throws(Failure) {
            server = ID(try json.text("server"))
            wasStopped = try json.flag("was_stopped")
        }

        var json: JSON { ["server": .string(server.text), "was_stopped": .bool(wasStopped)] }
    }

    static let steps: [Step<RebuildServer>] = [
        Step("take the old guest away", limit: .seconds(600), insists: true, dismantle),
        Step("make the new guest", limit: .seconds(1_200), make, undo: unmake),
        Step("switch it off again", limit: .seconds(300), when: \.wasStopped, insists: true, stop),
        Step("say that it is there", insists: true, finish),
    ]

    static func failed(_ tools: ServerTools, _ state: State, _ failure: Failure) async throws {
        try await tools.note(failure, at: state.server) { $0.state = .error }
    }

    private static func host(_ tools: ServerTools, _ state: State) async throws -> String {
        guard let host = try await tools.server(state.server).host else {
            throw Failure.conflict("Instance \(state.server) is on no host.")
        }
        return host
    }

    private static func dismantle(_ tools: ServerTools, _ state: inout State) async throws {
        try await tools.dismantle(state.server, on: try await host(tools, state))
        try await tools.change(state.server) { server in
            server.task = .rebuildSpawning
            server.power = .none
        }
    }

    private static func make(_ tools: ServerTools, _ state: inout State) async throws {
        let interfaces = try await tools.build(state.server, on: try await host(tools, state))
        try await tools.change(state.server) { $0.interfaces = interfaces.keepingFloating(of: $0.interfaces) }
    }

    /// One that was made after all, though nobody heard of it, would run for nobody.
    private static func unmake(_ tools: ServerTools, _ state: inout State) async throws {
        try await tools.dismantle(state.server, on: try await host(tools, state))
    }

    private static func stop(_ tools: ServerTools, _ state: inout State) async throws {
        _ = try await tools.order(.stop, state.server, on: try await host(tools, state))
    }

    private static func finish(_ tools: ServerTools, _ state: inout State) async throws {
        let (isOff, now) = (state.wasStopped, tools.world.now)
        try await tools.change(state.server) { server in
            server.state = isOff ? .stopped : .active
            server.power = isOff ? .shutDown : .running
            server.task = nil
            server.launched = now
            server.fault = nil
        }
    }
}

extension [Interface] {
    /// Floating addresses are no business of the node's, so its reports don't have them.
    func keepingFloating(of before: [Interface]) -> [Interface] {
        map { interface in
            var interface = interface
            let old = before.first { $0.port == interface.port }?.addresses.filter(\.isFloating) ?? []
            interface.addresses += old.filter { !interface.addresses.contains($0) }
            return interface
        }
    }
}

// MARK: The action

extension RebuildServer {
    static let actions: [ServerAction] = [
        ServerAction(name: "rebuild", rule: .rebuildServer, shape: shape, states: states, handle: rebuild)
    ]

    private static let states: [ServerState] = [.active, .stopped, .error]

    private static let shape: Shape = .object(
        Fields([
            .required("imageRef", .uuid), .optional("name", .name), .optional("adminPass", .text),
            .optional("metadata", CreateServer.metadata), .optional("preserve_ephemeral", .looseBoolean),
            .optional("OS-DCF:diskConfig", .choice(["AUTO", "MANUAL"])),
            .optional("accessIPv4", .text(7...15, format: .ipAddress)),
            .optional("accessIPv6", .text(2...45, format: .ipAddress)),
            .optional("personality", .list(of: .any), until: "2.56"),
            .optional("description", .description, since: "2.19"),
            .optional("key_name", .nullable(.text(1...255)), since: "2.54"),
            .optional("user_data", .nullable(.text(0...65_535)), since: "2.57"),
            .optional(
                "trusted_image_certificates", .nullable(.list(of: .text(1...255), count: 1...50, unique: true)),
                since: "2.63"),
            .optional("hostname", .text(1...255), since: "2.90"),
        ]))

    private static func rebuild(_ call: Call<Compute>, _ id: ID<Server>, _ json: JSON) async throws(Failure) -> Reply {
        let body = json.object ?? JSON.Object()
        try CreateServer.checkUserData(body.text("user_data"), "rebuild.user_data")
        let image = try await BootImage.load(try body.required("imageRef"), call)
        let (caller, settings, canReimage) = (call.caller, call.service.settings, call.version >= "2.93")
        let begun = try await call.begin(
            "rebuild", on: id, from: states, as: .rebuilding, RebuildServer.self,
            change: { server, tx in
                if server.isVolumeBacked {
                    guard server.imageOfRoot == image.id || server.image == image.id else {
                        let words = "Unable to rebuild with a different image for a volume-backed server."
                        guard !canReimage else { throw Failure(.notImplemented, words) }
                        throw Failure.invalid(words)
                    }
                } else {
                    server.image = image.id
                }
                try image.allow(server.flavor, onVolume: server.isVolumeBacked)
                server.particulars.imageProperties = image.properties
                server.particulars.minimumMemory = image.minimumMemory
                try server.rewrite(body, settings)
                if let key = body["key_name"] {
                    let pair = try key.string.map {
                        try tx.keypair($0, of: caller.user.id, absent: .invalid("Invalid key_name provided."))
                    }
                    server.keyName = pair?.name
                    server.publicKey = pair?.publicKey
                }
            },
            { RebuildServer.State(server: id, wasStopped: $0.state == .stopped) })
        let view = ServerView(call, ofRebuild: true)
        let password = body.text("adminPass") ?? CreateServer.password(call)
        return .json(202, headers: ["Location": call.link("/v2.1/servers/\(id)")]) { json in
            json.object("server") { json in
                view.write(begun.server, to: &json)
                if view.isPlain, call.version >= "2.54" { json.put("key_name", begun.server.keyName) }
                if call.version >= "2.57" { json.put("user_data", begun.server.userData) }
                json.put("adminPass", password)
            }
        }
    }
}

extension Server {
    fileprivate var imageOfRoot: String? { volumes.first { $0.isRoot && $0.source == .image }?.sourceID }

    /// What a rebuild says anew.
    fileprivate mutating func rewrite(_ body: JSON.Object, _ settings: ComputeSettings) throws(Failure) {
        if let name = body.text("name") { self.name = name.trimmed }
        if let metadata = body["metadata"]?.object {
            guard metadata.members.count <= settings.metadataItems else {
                throw .forbidden("Maximum number of metadata items exceeds \(settings.metadataItems)")
            }
            self.metadata = metadata
        }
        if body.has("accessIPv4") { accessV4 = body.text("accessIPv4").canonicalAddress }
        if body.has("accessIPv6") { accessV6 = body.text("accessIPv6").canonicalAddress }
        if body.has("description") { description = body.text("description") }
        if body.has("user_data") { userData = body.text("user_data") }
        if let hostname = body.text("hostname") { self.hostname = hostname }
        if let config = body.text("OS-DCF:diskConfig") { particulars.diskConfig = config }
        if let certificates = body["trusted_image_certificates"] {
            particulars.trustedCertificates = certificates.array?.compactMap(\.string)
        }
    }
}

extension Rule {
    static let rebuildServer = Rule("os_compute_api:servers:rebuild", "Rebuild a server", May.member)
}
