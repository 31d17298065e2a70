import API
import Base
import Contracts
import Policy
import SQL

/// How volumes were attached before there were attachments of their own, and still are by some.
enum AttachActions {
    static let all: [VolumeAction] = [
        .change("os-reserve", may: .reserveVolume) { volume, _ throws(Failure) in
            let isFree = volume.status == .available || (volume.isMultiattach && volume.status == .inUse)
            guard isFree else { throw refusal(volume, "available", "reserve") }
            volume.previousStatus = volume.status
            volume.status = .attaching
        },
        .change("os-unreserve", may: .unreserveVolume) { volume, _ throws(Failure) in
            guard volume.status == .attaching else { return }
            volume.status = volume.attachStatus == .attached ? .inUse : .available
            volume.previousStatus = nil
        },
        .change("os-begin_detaching", may: .beginDetaching) { volume, _ throws(Failure) in
            guard volume.status == .inUse, volume.attachStatus == .attached else {
                throw .invalidVolume(
                    "Unable to detach volume. Volume status must be 'in-use' and attach_status must be 'attached' to"
                        + " detach.")
            }
            volume.previousStatus = .inUse
            volume.status = .detaching
        },
        .change("os-roll_detaching", may: .rollDetaching) { volume, _ throws(Failure) in
            guard volume.status == .detaching else { return }
            volume.status = .inUse
            volume.previousStatus = nil
        },
        VolumeAction(
            "os-attach", may: .attachVolume,
            takes: VolumeAction.object(
                .optional("instance_uuid", .text(32...36, format: .uuidOrHex)), .required("mountpoint", .text(1...255)),
                .optional("host_name", .text(0...255)), .optional("mode", .choice(["rw", "ro"]))), attach),
        VolumeAction(
            "os-detach", may: .detachVolume,
            takes: .nullable(VolumeAction.object(.optional("attachment_id", .uuidOrNull))), detach),
        VolumeAction(
            "os-force_detach", may: .forceDetachVolume,
            takes: VolumeAction.object(
                .optional("connector", .nothing), .optional("attachment_id", .nullable(.text(0...64)))), detach),
        VolumeAction(
            "os-initialize_connection", may: .initializeConnection,
            takes: VolumeAction.object(.required("connector", .map(name: 1...255, value: .any))), initialize),
        VolumeAction(
            "os-terminate_connection", may: .terminateConnection,
            takes: VolumeAction.object(
                .required("connector", .nullable(.either([.map(name: 1...255, value: .any), .text])))),
            terminate),
    ]

    private static func refusal(_ volume: Volume, _ statuses: String, _ verb: String) -> Failure {
        .invalidVolume(
            "Volume \(volume.id) status must be \(statuses) to \(verb), but the current status is \(volume.status.rawValue)."
        )
    }

    private static func attach(
        _ call: Call<BlockStorage>, _ id: ID<Volume>, _ scope: Scope, _ body: JSON
    ) async throws(Failure) -> Reply {
        let (fields, world) = (body.object ?? JSON.Object(), call.service.world)
        let (instance, host) = (fields.text("instance_uuid"), fields.text("host_name"))
        guard instance != nil || host != nil else {
            throw .invalid("Invalid input for field/attribute os-attach. instance_uuid or host_name is required.")
        }
        let mode = fields.text("mode") ?? "rw"
        try await call.service.database.write { tx in
            let volume = try tx.volume(id, in: scope)
            let allowed: [VolumeStatus] = [.available, .attaching, .reserved] + (volume.isMultiattach ? [.inUse] : [])
            guard allowed.contains(volume.status) else {
                throw refusal(volume, "available, attaching or reserved", "attach")
            }
            guard !volume.isReadOnly || mode == "ro" else {
                throw Failure.invalidVolume("Volume \(id) is read-only and can be attached with mode 'ro' only.")
            }
            let known = try tx.attachments(of: id).first { $0.instance == instance && $0.status != .attached }
            let attachment = Attachment(
                id: known?.id ?? .uuid(world.chance), volume: id, project: volume.project, instance: instance,
                host: host ?? known?.host, mountpoint: fields.text("mountpoint"), mode: mode, status: .attached,
                connector: known?.connector, connection: known?.connection ?? JSON.Object(), attached: world.now,
                created: known?.created ?? world.now)
            if known == nil { try tx.insert(attachment) } else { try tx.update(attachment) }
            try tx.followAttachments(id, at: world.now)
        }
        return Reply(202)
    }

    private static func detach(
        _ call: Call<BlockStorage>, _ id: ID<Volume>, _ scope: Scope, _ body: JSON
    ) async throws(Failure) -> Reply {
        let (wanted, now) = (body["attachment_id"]?.string, call.service.world.now)
        let all = try await call.service.database.read { tx in
            _ = try tx.volume(id, in: scope)
            return try tx.attachments(of: id)
        }
        if wanted == nil, all.filter({ $0.status == .attached }).count > 1 {
            throw .invalidVolume(
                "Detach volume failed: More than one attachment, but no attachment_id provided.")
        }
        let found = wanted.map { wanted in all.first { $0.id.text == wanted } } ?? all.first
        guard let attachment = found else {
            guard wanted == nil else { throw .invalidVolume("Volume \(id) has no attachment \(wanted ?? "").") }
            try await call.service.database.write { try $0.followAttachments(id, at: now) }
            return Reply(202)
        }
        try await call.service.requireFree(attachment, call)
        try await call.service.detach(attachment)
        return Reply(202)
    }

    private static func initialize(
        _ call: Call<BlockStorage>, _ id: ID<Volume>, _ scope: Scope, _ body: JSON
    ) async throws(Failure) -> Reply {
        let connector = body["connector"]?.object ?? JSON.Object()
        let volume = try await call.service.database.read { try $0.volume(id, in: scope) }
        guard let host = volume.host else { throw .invalidVolume("Volume \(id) is not there yet.") }
        guard let target = connector.text("host") else { throw .invalidInput("The connector must name its host.") }
        let order = ConnectOrder(
            volume: id.text, host: target, isReadOnly: volume.isReadOnly || connector.text("mode") == "ro")
        let info = try await call.service.tools.ask(
            VolumeMessages.connect, at: host, order, within: VolumeTools.short)
        return .json { json in
            json.object("connection_info") { json in
                for member in info.object?.members ?? [] { json.put(member.name, member.value) }
                json.put("enforce_multipath", connector.boolean("enforce_multipath") ?? false)
            }
        }
    }

    private static func terminate(
        _ call: Call<BlockStorage>, _ id: ID<Volume>, _ scope: Scope, _ body: JSON
    ) async throws(Failure) -> Reply {
        let (volume, all) = try await call.service.database.read { tx in
            (try tx.volume(id, in: scope), try tx.attachments(of: id))
        }
        if let attachment = all.first { try await call.service.requireFree(attachment, call) }
        guard let host = volume.host, let target = body["connector"]?["host"]?.string else { return Reply(202) }
        let order = ConnectOrder(volume: id.text, host: target, isReadOnly: false)
        _ = try await call.service.tools.ask(VolumeMessages.disconnect, at: host, order, within: VolumeTools.short)
        return Reply(202)
    }
}

extension Rule {
    static let reserveVolume = Rule("volume_extension:volume_actions:reserve", "Reserve a volume", May.member)
    static let unreserveVolume = Rule("volume_extension:volume_actions:unreserve", "Release a volume", May.member)
    static let beginDetaching = Rule(
        "volume_extension:volume_actions:begin_detaching", "Begin to detach a volume", May.member)
    static let rollDetaching = Rule(
        "volume_extension:volume_actions:roll_detaching", "Leave a volume attached after all", May.member)
    static let attachVolume = Rule("volume_extension:volume_actions:attach", "Attach a volume", May.member)
    static let detachVolume = Rule("volume_extension:volume_actions:detach", "Detach a volume", May.member)
    static let forceDetachVolume = Rule(
        "volume_extension:volume_admin_actions:force_detach", "Detach a volume by force", May.admin)
    static let initializeConnection = Rule(
        "volume_extension:volume_actions:initialize_connection", "Make a volume reachable", May.member)
    static let terminateConnection = Rule(
        "volume_extension:volume_actions:terminate_connection", "Make a volume unreachable", May.member)
}
