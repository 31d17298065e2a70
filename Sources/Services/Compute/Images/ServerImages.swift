import API
import Base
import Bus
import Contracts
import HTTP
import Policy
import SQL
import Workflow

/// An image of a server's disk, which its host writes; and of older ones the last few are kept when it is a backup.
enum SnapshotServer: Workflow {
    static let name = "snapshot-server"

    struct State: JSONCoded {
        let server: ID<Server>
        let image: String
        /// A backup's type, `daily`, and how many of them are kept.
        let backup: String?
        let keeps: Int

        init(server: ID<Server>, image: String, backup: String?, keeps: Int) {
            self.server = server
            self.image = image
            self.backup = backup
            self.keeps = keeps
        }

        init(_ json: JSON) throws(Failure) {
            server = ID(try json.text("server"))
            image = try json.text("image")
            backup = json["backup"]?.string
            keeps = try json.number("keeps")
        }

        var json: JSON {
            [
                "server": .string(server.text), "image": .string(image), "backup": JSON(backup), "keeps": JSON(keeps),
            ]
        }

        var isBackup: Bool { backup != nil }
    }

    static let steps: [Step<SnapshotServer>] = [
        Step("write the image on the host", limit: .seconds(3_600), write, undo: removeImage),
        Step("let the server be", settle),
        Step("let go of older backups", when: \.isBackup, rotate),
    ]

    static func failed(_ tools: ServerTools, _ state: State, _ failure: Failure) async throws {
        try await tools.note(failure, at: state.server) { _ in }
    }

    private static func write(_ tools: ServerTools, _ state: inout State) async throws {
        let server = try await tools.change(state.server) { server in
            if server.task == .imageSnapshot { server.task = .imageUploading }
        }
        guard let host = server.host else { throw Failure.conflict("Instance \(state.server) is on no host.") }
        try await tools.write(state.image, of: server.id, on: host)
    }

    private static func removeImage(_ tools: ServerTools, _ state: inout State) async throws {
        let id = state.server
        let server = try await tools.database.read { try $0.serverOrWhatItWas(id) }
        try await tools.removeImage(state.image, of: server)
    }

    private static func settle(_ tools: ServerTools, _ state: inout State) async throws {
        try await tools.change(state.server) { server in
            if server.task != .deleting { server.task = nil }
        }
    }

    private static func rotate(_ tools: ServerTools, _ state: inout State) async throws {
        guard let type = state.backup else { return }
        try await tools.rotate(type, of: try await tools.server(state.server), keeping: state.keeps)
    }
}

extension ServerTools {
    func removeImage(_ image: String, of server: Server) async throws(Failure) {
        do throws(Failure) {
            _ = try await neighbours.image.ask("DELETE", "/v2/images/\(image)", token: try await token(of: server))
        } catch  where error.kind == .notFound {
            return
        }
    }

    /// Tells the image service of an image that is going to be written; telling twice is telling once.
    func announce(_ name: String, _ id: String, of server: Server) async throws(Failure) {
        let token = try await token(of: server)
        let properties = JSON.Object([JSON.Member(name: "image_type", value: "snapshot")])
        do throws(Failure) {
            _ = try await ServerImages.announce(
                name, server, properties, by: neighbours.image, token: token, user: server.user, id: id)
        } catch  where error.kind == .conflict {
            return
        }
    }

    /// Of a server's backups of one type the newest stay.
    func rotate(_ type: String, of server: Server, keeping count: Int) async throws(Failure) {
        let filter = "image_type=backup&backup_type=\(type)&instance_uuid=\(server.id)"
        let found =
            try await neighbours.image.ask(
                "GET", "/v2/images?\(filter)&sort_key=created_at&sort_dir=desc&limit=1000",
                token: try await token(of: server)
            ).json["images"]?.array ?? []
        for image in found.dropFirst(count) { try await removeImage(try image.text("id"), of: server) }
    }
}

// MARK: Actions

enum ServerImages {
    static let states: [ServerState] = [.active, .stopped, .paused, .suspended]

    static let actions: [ServerAction] = [
        ServerAction(
            name: "createImage", rule: .createServerImage,
            shape: .object(
                Fields([.required("name", .name), .optional("metadata", CreateServer.metadata)])), states: states,
            handle: createImage),
        ServerAction(
            name: "createBackup", rule: .backUpServer,
            shape: .object(
                Fields([
                    .required("name", .name), .required("backup_type", .text(1...255)),
                    .required("rotation", .looseInteger(0...Int64(Int32.max))),
                    .optional("metadata", CreateServer.metadata),
                ])), states: states, handle: createBackup),
    ]

    private static func createImage(_ call: Call<Compute>, _ id: ID<Server>, _ json: JSON) async throws(Failure)
        -> Reply
    {
        let body = json.object ?? JSON.Object()
        let server = try await call.service.database.read { try $0.server(id) }
        try server.allow("create_image", from: states)
        var properties = JSON.Object([JSON.Member(name: "image_type", value: "snapshot")])
        for member in body["metadata"]?.object?.members ?? [] { properties[member.name] = member.value }
        let name = try body.required("name").trimmed
        if server.isVolumeBacked {
            let image = try await volumeImage(name, server, properties, call)
            return reply(image, call)
        }
        let image = try await announce(name, server, properties, call)
        do throws(Failure) {
            try await call.begin(
                "create_image", on: id, from: states, as: .imageSnapshot, SnapshotServer.self,
                { SnapshotServer.State(server: $0.id, image: image, backup: nil, keeps: 0) })
        } catch {
            try await withdraw(image, call)
            throw error
        }
        return reply(image, call)
    }

    private static func createBackup(
        _ call: Call<Compute>, _ id: ID<Server>, _ json: JSON
    ) async throws(Failure) -> Reply {
        let body = json.object ?? JSON.Object()
        let server = try await call.service.database.read { try $0.server(id) }
        try server.allow("backup", from: states)
        guard !server.isVolumeBacked else { throw .invalid("Backup is not supported for volume-backed instances.") }
        let type = try body.required("backup_type")
        let keeps = body.integer("rotation") ?? 0
        var properties = JSON.Object([
            JSON.Member(name: "image_type", value: "backup"), .init(name: "backup_type", value: .string(type)),
        ])
        for member in body["metadata"]?.object?.members ?? [] { properties[member.name] = member.value }
        let image = try await announce(try body.required("name").trimmed, server, properties, call)
        do throws(Failure) {
            try await call.begin(
                "backup", on: id, from: states, as: .imageBackup, SnapshotServer.self,
                { SnapshotServer.State(server: $0.id, image: image, backup: type, keeps: keeps) })
        } catch {
            try await withdraw(image, call)
            throw error
        }
        // What is kept zero times is gone before anybody could look.
        return keeps > 0 ? reply(image, call) : Reply(202)
    }

    private static func reply(_ image: String, _ call: Call<Compute>) -> Reply {
        guard call.version < "2.45" else { return .json(202) { $0.put("image_id", image) } }
        return Reply(202, headers: ["Location": call.link("/images/\(image)")])
    }

    private static func withdraw(_ image: String, _ call: Call<Compute>) async throws(Failure) {
        _ = try await call.service.neighbours.image.ask("DELETE", "/v2/images/\(image)", token: call.caller.token)
    }

    /// The image as it stands in the image service before anything is written to it.
    static func announce(
        _ name: String, _ server: Server, _ properties: JSON.Object, _ call: Call<Compute>
    ) async throws(Failure) -> String {
        try await announce(
            name, server, properties, by: call.service.neighbours.image, token: call.caller.token,
            user: call.caller.user.id)
    }

    static func announce(
        _ name: String, _ server: Server, _ properties: JSON.Object, by service: Neighbour, token: String, user: String,
        format: String = "qcow2", minimumDisk: Int? = nil, id: String? = nil
    ) async throws(Failure) -> String {
        var image = server.particulars.imageProperties
        if let id { image["id"] = .string(id) }
        image["name"] = .string(name)
        image["disk_format"] = .string(format)
        image["container_format"] = "bare"
        image["visibility"] = "private"
        image["min_ram"] = JSON(server.particulars.minimumMemory)
        image["min_disk"] = JSON(minimumDisk ?? server.flavor.disk)
        image["instance_uuid"] = .string(server.id.text)
        image["user_id"] = .string(user)
        image["owner_user_name"] = nil
        image["base_image_ref"] = .string(server.image ?? "")
        for member in properties.members { image[member.name] = member.value }
        let made: JSON
        do throws(Failure) {
            made = try await service.ask("POST", "/v2/images", .object(image), token: token).json
        } catch  where error.kind == .tooLarge || error.kind == .overQuota {
            throw .forbidden(error.message)
        }
        return try made.text("id")
    }

    /// Of a server that has its disk in a volume: snapshots of its volumes, and an image that has nothing but their names.
    private static func volumeImage(
        _ name: String, _ server: Server, _ properties: JSON.Object, _ call: Call<Compute>
    ) async throws(Failure) -> String {
        let (volumes, token) = (call.service.neighbours.volume, call.caller.token)
        var snapshots: [String] = []
        do throws(Failure) {
            var mappings: [JSON] = []
            for volume in server.volumes {
                guard let id = volume.volume else { continue }
                let wish: JSON = ["volume_id": .string(id), "name": .string("snapshot for \(name)"), "force": true]
                let made = try await volumes.ask("POST", "/v3/snapshots", ["snapshot": wish], token: token)
                let snapshot = try made.json.member("snapshot")
                snapshots.append(try snapshot.text("id"))
                mappings.append(mapping(of: volume, try snapshot.text("id"), snapshot["size"] ?? .null))
            }
            return try await emptyImage(name, server, mappings, properties, call)
        } catch {
            for id in snapshots { _ = try? await volumes.ask("DELETE", "/v3/snapshots/\(id)", token: token) }
            throw error
        }
    }

    private static func mapping(of volume: ServerVolume, _ snapshot: String, _ size: JSON) -> JSON {
        [
            "source_type": "snapshot", "destination_type": "volume", "snapshot_id": .string(snapshot),
            "volume_size": size, "boot_index": volume.isRoot ? 0 : .null, "device_name": JSON(volume.device),
            "delete_on_termination": .bool(volume.isDeletedWithServer), "device_type": "disk", "disk_bus": "virtio",
            "tag": JSON(volume.tag),
        ]
    }

    private static func emptyImage(
        _ name: String, _ server: Server, _ mappings: [JSON], _ properties: JSON.Object, _ call: Call<Compute>
    ) async throws(Failure) -> String {
        var properties = properties
        properties["block_device_mapping"] = .string(JSON.array(mappings).text)
        properties["bdm_v2"] = "True"
        properties["root_device_name"] = "/dev/vda"
        let (images, token) = (call.service.neighbours.image, call.caller.token)
        let image = try await announce(
            name, server, properties, by: images, token: token, user: call.caller.user.id, format: "raw",
            minimumDisk: 0)
        do throws(Failure) { try await images.upload("/v2/images/\(image)/file", token: token) } catch {
            try await withdraw(image, call)
            throw error
        }
        return image
    }
}

extension Rule {
    static let createServerImage = Rule(
        "os_compute_api:servers:create_image", "Make an image of a server", May.member)
    static let backUpServer = Rule("os_compute_api:os-create-backup", "Back a server up", May.member)
}
