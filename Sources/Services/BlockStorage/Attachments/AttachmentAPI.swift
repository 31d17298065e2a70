import API
import Base
import Contracts
import HTTP
import Policy
import SQL

extension Attachment {
    static let endpoints: [Endpoint<BlockStorage>] = [
        Endpoint(
            "GET", "/attachments", "List attachments", access: .authenticated, query: listing.parameters, since: "3.27",
            list),
        Endpoint(
            "GET", "/attachments/detail", "List attachments with details", access: .authenticated,
            query: listing.parameters, since: "3.27", listDetailed),
        Endpoint(
            "GET", "/attachments/summary", "List attachments", access: .authenticated, query: listing.parameters,
            since: "3.27", list),
        .post(
            "/attachments", "Reserve a volume, or attach it", may: .createAttachment, takes: createShape, since: "3.27",
            create),
        Endpoint(
            "GET", "/attachments/{attachment_id}", "Show an attachment", access: .authenticated, since: "3.27", show),
        .put(
            "/attachments/{attachment_id}", "Say where a volume is to be attached", may: .updateAttachment,
            takes: .wrapped("attachment", [.required("connector", .map(name: 1...255, value: .any, count: 1...100))]),
            since: "3.27", update),
        .delete("/attachments/{attachment_id}", "Detach a volume", may: .deleteAttachment, since: "3.27", delete),
        .post(
            "/attachments/{attachment_id}/action", "Say that a volume is attached", may: .completeAttachment,
            takes: .object(Fields([.required("os-complete", .nothing)])), since: "3.44", complete),
    ]

    private static let createShape: Shape = .wrapped(
        "attachment",
        [
            .required("volume_uuid", .text(32...36, format: .uuidOrHex)),
            .optional("instance_uuid", .text(32...36, format: .uuidOrHex)),
            .optional("connector", .nullable(.map(name: 1...255, value: .any))),
            .optional("mode", .choice(["rw", "ro"]), since: "3.54"),
        ])
}

extension Rule {
    static let createAttachment = Rule("volume:attachment_create", "Attach a volume", May.member)
    static let updateAttachment = Rule("volume:attachment_update", "Say where a volume is attached", May.member)
    static let deleteAttachment = Rule("volume:attachment_delete", "Detach a volume", May.member)
    static let completeAttachment = Rule("volume:attachment_complete", "Say that a volume is attached", May.member)
    static let multiattachBootable = Rule(
        "volume:multiattach_bootable_volume", "Attach a bootable volume to several servers", May.member)
}

// MARK: Handlers

extension Attachment {
    private static func list(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        try await listReply(call, at: "/attachments") { $0.writeBrief(to: &$1) }
    }

    private static func listDetailed(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        try await listReply(call, at: "/attachments/detail") { $0.write(to: &$1) }
    }

    private static func listReply(
        _ call: Call<BlockStorage>, at path: String, _ write: (Attachment, inout JSONWriter) -> Void
    ) async throws(Failure) -> Reply {
        let query = try ListQuery(listing, call)
        let page: Page<Attachment> = try await call.service.database.read { try $0.page(query) }
        return .json { json in
            json.array("attachments", of: page.things) { attachment, json in json.object { write(attachment, &$0) } }
        }
    }

    /// One's own project's; every administrator's.
    private static func sight(_ call: Call<BlockStorage>) -> Scope {
        call.caller.isAdmin ? .everywhere : .when("project_id", call.project)
    }

    private static func show(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        .one(try await call.service.database.read { try $0.attachment(call.id("attachment_id"), in: sight(call)) })
    }

    private static func create(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let (body, service) = (try call.fields("attachment"), call.service)
        let id: ID<Volume> = ID(body.text("volume_uuid") ?? "")
        let (instance, now) = (body.text("instance_uuid"), service.world.now)
        let mayShare = call.scope(under: .multiattachBootable)
        let reserved = try await service.database.write { tx in
            let volume = try tx.volume(id, in: call.scope)
            let attachment = Attachment(
                id: .uuid(service.world.chance), volume: id, project: volume.project, instance: instance, host: nil,
                mountpoint: nil, mode: volume.isReadOnly ? "ro" : body.text("mode") ?? "null", status: .reserved,
                connector: nil, connection: JSON.Object(), attached: nil, created: now)
            try tx.reserve(volume, for: attachment, mayShare: mayShare, at: now)
            return attachment
        }
        guard let connector = body["connector"]?.object else { return .one(reserved) }
        do throws(Failure) {
            return .one(try await service.connect(reserved, connector))
        } catch {
            // What cannot be reached isn't kept for anybody.
            try await service.database.write { tx in
                try tx.delete(reserved.id)
                try tx.followAttachments(reserved.volume, at: now)
            }
            throw error
        }
    }

    private static func update(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let (body, service) = (try call.fields("attachment"), call.service)
        let connector = body["connector"]?.object ?? JSON.Object()
        let attachment = try await service.database.read { tx in
            let attachment = try tx.attachment(call.id("attachment_id"), in: call.scope)
            let volume = try tx.volume(attachment.volume)
            guard !volume.status.isError else {
                throw Failure.conflict(
                    "Volume attachments can not be updated if the volume is in an error state. The Volume \(volume.id)"
                        + " currently has a status of: \(volume.status.rawValue)")
            }
            let others = try tx.attachments(of: volume.id).filter {
                $0.id != attachment.id && !$0.connection.members.isEmpty
            }
            guard volume.isMultiattach || !others.contains(where: { $0.host == connector.text("host") }) else {
                throw Failure.conflict("duplicate connectors detected on volume \(volume.id)")
            }
            return attachment
        }
        return .one(try await service.connect(attachment, connector))
    }

    private static func complete(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let now = call.service.world.now
        try await call.service.database.write { tx in
            var attachment = try tx.attachment(call.id("attachment_id"), in: call.scope)
            attachment.status = .attached
            attachment.attached = attachment.attached ?? now
            if attachment.mode == "null" { attachment.mode = "rw" }
            try tx.update(attachment)
            try tx.followAttachments(attachment.volume, at: now)
        }
        return .noContent
    }

    private static func delete(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let service = call.service
        let attachment = try await service.database.read { try $0.attachment(call.id("attachment_id"), in: call.scope) }
        try await service.requireFree(attachment, call)
        let left = try await service.detach(attachment)
        return .json { json in
            json.array("attachments", of: left) { attachment, json in json.object { attachment.writeBrief(to: &$0) } }
        }
    }
}

extension Transaction {
    /// Keeps a volume for a server. Several may have it at a time only if its type says so, or to move one server.
    func reserve(_ volume: Volume, for attachment: Attachment, mayShare: Scope, at now: Moment) throws {
        guard !volume.status.isError else {
            throw Failure.invalidVolume(
                "Volume attachments can not be created if the volume is in an error state. The Volume \(volume.id)"
                    + " currently has a status of: \(volume.status.rawValue)")
        }
        let others = try attachments(of: volume.id)
        let isMove = attachment.instance != nil && others.contains { $0.instance == attachment.instance }
        let allowed: [VolumeStatus] =
            volume.isMultiattach || isMove
            ? [.available, .inUse, .reserved, .attaching, .downloading] : [.available, .downloading]
        guard allowed.contains(volume.status) else {
            throw Failure.invalidVolume(
                "Volume \(volume.id) status must be \(allowed.map(\.rawValue).joined(separator: " or ")) to reserve, but"
                    + " the current status is \(volume.status.rawValue).")
        }
        let isShared = !others.isEmpty && !isMove
        guard !isShared || !volume.isBootable || mayShare.covers(["project_id": volume.project]) else {
            throw Failure.forbidden("Policy doesn't allow volume:multiattach_bootable_volume to be performed.")
        }
        try insert(attachment)
        guard volume.status == .available else { return }
        try change(volume.id, at: now) { volume in
            volume.status = .reserved
            volume.attachStatus = .reserved
        }
    }
}

extension BlockStorage {
    /// Makes a volume reachable from a host, and says how.
    func connect(_ attachment: Attachment, _ connector: JSON.Object) async throws(Failure) -> Attachment {
        guard let target = connector.text("host"), !target.isEmpty else {
            throw .invalidInput("The connector must name its host.")
        }
        let now = world.now
        let volume = try await database.read { try $0.volume(attachment.volume) }
        guard let host = volume.host else { throw .invalidVolume("Volume \(volume.id) is not there yet.") }
        var wanted = attachment
        if let mode = connector.text("mode"), wanted.mode == "null" { wanted.mode = mode }
        if volume.isReadOnly { wanted.mode = "ro" }
        let order = ConnectOrder(volume: volume.id.text, host: target, isReadOnly: wanted.mode == "ro")
        let info = try await tools.ask(VolumeMessages.connect, at: host, order, within: VolumeTools.short)
        wanted.connector = connector
        wanted.host = target
        wanted.mountpoint = connector.text("mountpoint") ?? wanted.mountpoint
        wanted.connection = Attachment.flat(info, attachment.id)
        if wanted.status != .attached { wanted.status = .attaching }
        let done = wanted
        try await database.write { tx in
            // It may have been deleted meanwhile.
            _ = try tx.attachment(done.id)
            try tx.update(done)
            guard done.status == .attaching else { return }
            try tx.change(done.volume, at: now) { volume in
                if volume.status != .inUse { volume.status = .attaching }
                if volume.attachStatus != .attached { volume.attachStatus = .attaching }
            }
        }
        return done
    }

    /// What a server uses is detached by the compute service, which has put it to use; nobody else may pull it away.
    func requireFree(_ attachment: Attachment, _ call: Call<BlockStorage>) async throws(Failure) {
        guard !call.caller.serviceRoles.contains("service"), !call.caller.has(role: "service"),
            let server = attachment.instance, !attachment.connection.members.isEmpty
        else { return }
        let answer: JSON
        do throws(Failure) {
            answer = try await tools.neighbours.compute.ask(
                "GET", "/v2.1/servers/\(server)/os-volume_attachments/\(attachment.volume)",
                token: call.caller.token, headers: ["OpenStack-API-Version": "compute 2.89"]
            ).json
        } catch  where error.kind == .notFound {
            return
        }
        guard answer["volumeAttachment"]?["attachment_id"]?.string == attachment.id.text else { return }
        throw .conflict(
            "Detach volume from instance \(server) using the Compute API")
    }

    /// Ends an attachment: the host cannot reach the volume any more, and the volume is what its others leave it.
    @discardableResult
    func detach(_ attachment: Attachment) async throws(Failure) -> [Attachment] {
        let now = world.now
        let (volume, others) = try await database.read { tx in
            (
                try tx.volume(attachment.volume),
                try tx.attachments(of: attachment.volume).filter { $0.id != attachment.id }
            )
        }
        // Another server on the same host still needs the way.
        if let host = volume.host, let target = attachment.host, !others.contains(where: { $0.host == target }) {
            let order = ConnectOrder(volume: volume.id.text, host: target, isReadOnly: false)
            _ = try await tools.ask(VolumeMessages.disconnect, at: host, order, within: VolumeTools.short)
        }
        return try await database.write { tx in
            try tx.delete(attachment.id)
            try tx.followAttachments(attachment.volume, at: now)
            return try tx.attachments(of: attachment.volume)
        }
    }
}

// MARK: On the wire

extension Reply {
    fileprivate static func one(_ attachment: Attachment) -> Reply {
        .json { $0.object("attachment") { attachment.write(to: &$0) } }
    }
}

extension Attachment {
    /// What a node says, with what belongs to it beside it as hypervisors' drivers read it.
    static func flat(_ info: JSON, _ id: ID<Attachment>) -> JSON.Object {
        var flat = info.object ?? JSON.Object()
        flat["attachment_id"] = .string(id.text)
        return flat
    }

    func writeBrief(to json: inout JSONWriter) {
        json.put("id", id)
        json.put("status", status.rawValue)
        json.put("instance", instance)
        json.put("volume_id", volume)
    }

    func write(to json: inout JSONWriter) {
        writeBrief(to: &json)
        json.put("attached_at", attached.map(Timestamp.bare.text) ?? "")
        json.put("detached_at", "")
        json.put("attach_mode", mode)
        json.put("connection_info", .object(connection))
    }
}
