import API
import Base
import Contracts
import Policy
import SQL
import Workflow

/// A server's volumes, as both name them: the volume's id is the attachment's.
enum VolumeAttachments {
    static let endpoints: [Endpoint<Compute>] = [
        .get(
            path, "List a server's volumes", may: .listServerVolumes, query: [Parameter("limit"), Parameter("offset")],
            list),
        .get(one, "Show a server's volume", may: .showServerVolume, show),
        .post(path, "Attach a volume to a server", may: .attachServerVolume, takes: attachShape, attach),
        Endpoint(
            "PUT", one, "Put another volume in a volume's place, or change how it is attached",
            access: .decided(by: [.swapServerVolume, .updateServerVolume]), body: .json(updateShape), update),
        .delete(one, "Detach a volume from a server", may: .detachServerVolume, detach),
    ]

    private static let path = "/servers/{server_id}/os-volume_attachments"
    private static let one = path + "/{volume_id}"
    private static let attachable: [ServerState] = [
        .active, .paused, .stopped, .resized, .softDeleted, .shelved, .shelvedOffloaded,
    ]
    private static let detachable: [ServerState] = [
        .active, .paused, .suspended, .stopped, .resized, .softDeleted, .shelved, .shelvedOffloaded,
    ]

    private static let attachShape: Shape = .wrapped(
        "volumeAttachment",
        [
            .required("volumeId", .uuid), .optional("device", .nullable(.text(0...255))),
            .optional("tag", .text(1...60, format: .tag), since: "2.49"),
            .optional("delete_on_termination", .looseBoolean, since: "2.79"),
        ])

    private static let updateShape: Shape = .wrapped(
        "volumeAttachment",
        [
            .required("volumeId", .uuid), .optional("device", .nullable(.text(0...255)), since: "2.85"),
            .optional("tag", .nullable(.text(1...60, format: .tag)), since: "2.85"),
            .optional("delete_on_termination", .looseBoolean, since: "2.85"), .optional("id", .uuid, since: "2.85"),
            .optional("serverId", .uuid, since: "2.85"),
        ])

    // MARK: Reading

    private static func server(_ call: Call<Compute>) async throws(Failure) -> Server {
        try await call.service.database.read { try $0.server(call.id("server_id"), in: call.scope) }
    }

    private static func list(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let server = try await server(call)
        let offset = max(0, try call.query.integer("offset") ?? 0)
        let bonds = server.volumes.filter { $0.volume != nil }.dropFirst(offset).prefix(try call.limit())
        return .json { json in
            json.array("volumeAttachments", of: Array(bonds)) { bond, json in
                json.object { write(bond, server, call, to: &$0) }
            }
        }
    }

    private static func bond(_ server: Server, _ call: Call<Compute>) throws(Failure) -> ServerVolume {
        let id = call["volume_id"]
        guard let bond = server.volumes.first(where: { $0.volume == id }) else {
            throw Failure(.notFound, "Instance \(server.id) is not attached to volume \(id)")
        }
        return bond
    }

    private static func show(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let server = try await server(call)
        let bond = try bond(server, call)
        return .json { $0.object("volumeAttachment") { write(bond, server, call, to: &$0) } }
    }

    private static func write(_ bond: ServerVolume, _ server: Server, _ call: Call<Compute>, to json: inout JSONWriter)
    {
        let id = bond.volume ?? ""
        if call.version < "2.89" { json.put("id", id) }
        json.put("volumeId", id)
        json.put("serverId", server.id)
        if let device = bond.device { json.put("device", device) }
        if call.version >= "2.70" { json.put("tag", bond.tag) }
        if call.version >= "2.79" { json.put("delete_on_termination", bond.isDeletedWithServer) }
        guard call.version >= "2.89" else { return }
        json.put("attachment_id", bond.attachment)
        json.put("bdm_uuid", bond.id)
    }

    // MARK: Attaching

    private static func attach(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let server = try await server(call)
        try server.allowWhenLocked(call)
        let (body, service) = (try call.fields("volumeAttachment"), call.service)
        let id = try body.required("volumeId")
        try allow("attach_volume", attachable, server, call)
        let desk = service.volumeDesk
        let volume = try await volume(id, desk, call)
        guard !server.volumes.contains(where: { $0.volume == id }) else {
            throw alreadyAttached(id, server)
        }
        try check(volume, id, server, call)
        let device = try device(body.text("device"), server)
        let bond = ServerVolume(
            id: UUID(service.world.chance).dashed, source: .volume, sourceID: id, volume: id, device: device,
            tag: body.text("tag"), isDeletedWithServer: body.boolean("delete_on_termination") ?? false)
        let begun = try await call.begin(
            "attach_volume", on: server.id, from: attachable, as: nil, AttachVolume.self,
            change: { server, _ in
                guard !server.volumes.contains(where: { $0.volume == id }) else { throw alreadyAttached(id, server) }
                server.volumes.append(bond)
            },
            { AttachVolume.State(server: $0.id, volume: id) })
        try await reservation(of: begun.run, service)
        guard call.version < "2.101" else { return Reply(202) }
        return .json { json in
            json.object("volumeAttachment") { json in
                json.put("id", id)
                json.put("serverId", server.id)
                json.put("volumeId", id)
                json.put("device", device)
                if call.version >= "2.70" { json.put("tag", bond.tag) }
                if call.version >= "2.79" { json.put("delete_on_termination", bond.isDeletedWithServer) }
            }
        }
    }

    private static func alreadyAttached(_ id: String, _ server: Server) -> Failure {
        .invalid("Invalid volume: volume \(id) is already attached to instances: \(server.id)")
    }

    /// Whether it could be reserved is what the user is told; the rest they see later.
    private static func reservation(of run: ID<Run>, _ service: Compute) async throws(Failure) {
        do throws(Failure) {
            _ = try await service.outcome(of: run, limit: .seconds(60), upTo: AttachVolume.reservation)
        } catch {
            switch error.kind {
            case .conflict, .invalid: throw .invalid("Invalid volume: \(error.message)")
            case .timedOut: return  // It goes on by itself.
            default: throw error
            }
        }
    }

    private static func allow(
        _ action: String, _ states: [ServerState], _ server: Server, _ call: Call<Compute>
    ) throws(Failure) {
        let isShelved = server.state == .shelved || server.state == .shelvedOffloaded
        guard !isShelved || call.version >= "2.20" else {
            throw .conflict("Cannot '\(action)' instance \(server.id) while it is in vm_state \(server.state.rawValue)")
        }
        try server.allow(action, from: states)
    }

    private static func volume(_ id: String, _ desk: VolumeDesk, _ call: Call<Compute>) async throws(Failure) -> JSON {
        do throws(Failure) { return try await desk.volume(id, token: call.caller.token) } catch
            where error.kind == .notFound
        { throw Failure(.notFound, "Volume \(id) could not be found.") }
    }

    private static func check(_ volume: JSON, _ id: String, _ server: Server, _ call: Call<Compute>) throws(Failure) {
        let isShared = volume["multiattach"]?.bool == true
        if isShared, call.version < "2.60" {
            throw .invalid("Multiattach volumes are only supported starting with compute API version 2.60.")
        }
        if isShared, server.state == .shelvedOffloaded {
            throw .invalid("Attaching multiattach volumes is not supported for shelved-offloaded instances.")
        }
        let status = volume["status"]?.string ?? ""
        let shareable = ["in-use", "reserved", "attaching"]
        guard status == "available" || isShared && shareable.contains(status) else {
            throw .invalid(
                "Invalid volume: volume '\(id)' status must be 'available'. Currently in '\(status)'")
        }
    }

    /// The name under which the guest finds it: the one that was asked for, or the next that is free.
    private static func device(_ asked: String?, _ server: Server) throws(Failure) -> String {
        guard var name = asked, !name.isEmpty else { return server.freeDevice() }
        if !name.hasPrefix("/dev/") { name = "/dev/" + name }
        guard let last = name.last, last.isLetter || last.isNumber, !name.dropFirst(5).contains("/") else {
            throw .invalid("The supplied device path (\(name)) is invalid.")
        }
        guard !server.volumes.contains(where: { $0.device == name }), name != "/dev/vda" || server.isVolumeBacked else {
            throw .conflict("The supplied device path (\(name)) is in use.")
        }
        return name
    }

    // MARK: Changing and detaching

    private static func update(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let body = try call.fields("volumeAttachment")
        let (old, new) = (call["volume_id"], try body.required("volumeId"))
        let swaps = call.version < "2.85" || old != new
        let scope = call.scope(under: swaps ? .swapServerVolume : .updateServerVolume)
        guard scope != .nowhere else { throw call.exchange.refusal(swaps ? .swapServerVolume : .updateServerVolume) }
        let id: ID<Server> = call.id("server_id")
        let server = try await call.service.database.read { try $0.server(id, in: swaps ? .everywhere : scope) }
        if call.version >= "2.85" { try await rewrite(body, server, call) }
        if swaps { try await swap(old, new, server, call) }
        return Reply(202)
    }

    private static func rewrite(_ body: JSON.Object, _ server: Server, _ call: Call<Compute>) async throws(Failure) {
        let bond = try bond(server, call)
        let fixed: [(String, String?)] = [
            ("id", bond.volume), ("serverId", server.id.text), ("device", bond.device), ("tag", bond.tag),
        ]
        for (name, value) in fixed where body.has(name) && body.text(name) != value {
            throw .invalid("The \(name) property is not mutable")
        }
        guard let isDeleted = body.boolean("delete_on_termination") else { return }
        let now = call.service.world.now
        try await call.service.database.write { tx in
            try tx.change(server.id, at: now) { server in
                guard let place = server.volumes.firstIndex(where: { $0.id == bond.id }) else { return }
                server.volumes[place].isDeletedWithServer = isDeleted
            }
            return
        }
    }

    private static func swap(
        _ old: String, _ new: String, _ server: Server, _ call: Call<Compute>
    ) async throws(Failure) {
        try server.allowWhenLocked(call)
        let desk = call.service.volumeDesk
        let volume = try await volume(old, desk, call)
        guard let status = volume["migration_status"]?.string, !status.isEmpty, status != "none" else {
            throw .conflict("volume \(old) is not migrating; this API should only be called by Cinder")
        }
        do throws(Failure) { _ = try await desk.volume(new, token: call.caller.token) } catch
            where error.kind == .notFound
        { throw .invalid("Volume \(new) could not be found.") }
        _ = try bond(server, call)
        try await call.begin(
            "swap_volume", on: server.id, from: [.active, .paused, .resized], as: nil, SwapVolume.self
        ) { SwapVolume.State(server: $0.id, old: old, new: new) }
    }

    private static func detach(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let server = try await server(call)
        try server.allowWhenLocked(call)
        let id = call["volume_id"]
        let isShelved = server.state == .shelved || server.state == .shelvedOffloaded
        if isShelved { try allow("detach_volume", detachable, server, call) }
        _ = try await volume(id, call.service.volumeDesk, call)
        guard try !bond(server, call).isRoot else { throw .invalid("Cannot detach a root device volume") }
        try await call.begin("detach_volume", on: server.id, from: detachable, as: nil, DetachVolume.self) {
            AttachVolume.State(server: $0.id, volume: id)
        }
        return Reply(202)
    }
}

extension Rule {
    static let listServerVolumes = Rule(
        "os_compute_api:os-volumes-attachments:index", "List a server's volumes", May.reader)
    static let showServerVolume = Rule(
        "os_compute_api:os-volumes-attachments:show", "Show a server's volume", May.reader)
    static let attachServerVolume = Rule(
        "os_compute_api:os-volumes-attachments:create", "Attach a volume to a server", May.member)
    static let updateServerVolume = Rule(
        "os_compute_api:os-volumes-attachments:update", "Change how a volume is attached", May.member)
    static let swapServerVolume = Rule(
        "os_compute_api:os-volumes-attachments:swap", "Put another volume in a volume's place", "rule:service_api")
    static let detachServerVolume = Rule(
        "os_compute_api:os-volumes-attachments:delete", "Detach a volume from a server", May.member)
}
