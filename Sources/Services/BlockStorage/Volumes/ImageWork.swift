import API
import Base
import Contracts
import HTTP
import SQL
import Trace
import Workflow

/// Sends a volume's bytes into an image that is waiting for them.
enum UploadVolume: Workflow {
    static let name = "upload-volume"

    struct State: JSONCoded {
        let volume: ID<Volume>
        let image: String
        let format: String
        let user: String
        let project: String

        init(volume: ID<Volume>, image: String, format: String, user: String, project: String) {
            self.volume = volume
            self.image = image
            self.format = format
            self.user = user
            self.project = project
        }

        init(_ json: JSON) throws(Failure) {
            volume = ID(try json.text("volume"))
            image = try json.text("image")
            format = try json.text("format")
            user = try json.text("user")
            project = try json.text("project")
        }

        var json: JSON {
            [
                "volume": .string(volume.text), "image": .string(image), "format": .string(format),
                "user": .string(user), "project": .string(project),
            ]
        }
    }

    static let steps: [Step<UploadVolume>] = [
        Step("send it to the image service", limit: VolumeTools.longest, send, undo: removeImage),
        Step("say that it is free again", limit: VolumeTools.short) { tools, state in
            try await tools.settle(state.volume, from: .uploading)
        },
    ]

    static func failed(_ tools: VolumeTools, _ state: State, _ failure: Failure) async throws {
        try await tools.settle(state.volume, from: .uploading)
        let world = tools.world
        try await tools.database.write { tx in
            try tx.tell(failure, about: .volume, state.volume.text, of: state.project, doing: .uploadVolume, world)
        }
    }

    private static func send(_ tools: VolumeTools, _ state: inout State) async throws {
        let id = state.volume
        let token = try await tools.tokens.token(user: state.user, project: state.project)
        let image = try await tools.neighbours.image.ask("GET", "/v2/images/\(state.image)", token: token).json
        // Said twice, it has been sent already.
        guard image["status"] != "active" else { return }
        guard let host = try await tools.database.read({ try $0.volume(id).host }) else {
            throw Failure.bug("A volume that lies nowhere is to be uploaded.")
        }
        let order = UploadOrder(
            volume: id.text, image: state.image, format: state.format, user: state.user, project: state.project)
        _ = try await tools.ask(VolumeMessages.upload, at: host, order)
    }

    private static func removeImage(_ tools: VolumeTools, _ state: inout State) async throws {
        let token = try await tools.tokens.token(user: state.user, project: state.project)
        do throws(Failure) {
            _ = try await tools.neighbours.image.ask("DELETE", "/v2/images/\(state.image)", token: token)
        } catch {
            // It may be gone already, or protected, which is its user's wish.
            guard [.notFound, .forbidden].contains(error.kind) else { throw error }
        }
    }
}

/// Fills a volume with an image that it was not made from.
enum ReimageVolume: Workflow {
    static let name = "reimage-volume"

    struct State: JSONCoded {
        let volume: ID<Volume>
        let image: String
        let user: String
        let project: String

        init(volume: ID<Volume>, image: String, user: String, project: String) {
            self.volume = volume
            self.image = image
            self.user = user
            self.project = project
        }

        init(_ json: JSON) throws(Failure) {
            volume = ID(try json.text("volume"))
            image = try json.text("image")
            user = try json.text("user")
            project = try json.text("project")
        }

        var json: JSON {
            [
                "volume": .string(volume.text), "image": .string(image), "user": .string(user),
                "project": .string(project),
            ]
        }
    }

    static let steps: [Step<ReimageVolume>] = [
        Step("fill it from the image", limit: VolumeTools.longest, fill),
        Step("say that it is there", limit: VolumeTools.short, finish),
    ]

    static func failed(_ tools: VolumeTools, _ state: State, _ failure: Failure) async throws {
        let now = tools.world.now
        try await tools.database.write { tx in
            guard try !tx.volumes(where: "volume_volume.id = \(state.volume)").isEmpty else { return }
            try tx.change(state.volume, at: now) { volume in
                guard volume.status == .downloading else { return }
                volume.status = .error
                volume.previousStatus = nil
            }
        }
        try await tell(tools, state.volume, "reimage-failed")
    }

    private static func fill(_ tools: VolumeTools, _ state: inout State) async throws {
        let id = state.volume
        let volume = try await tools.database.read { try $0.volume(id) }
        guard let host = volume.host else { throw Failure.bug("A volume that lies nowhere is to be filled.") }
        let source = VolumeSource.image(id: state.image, user: state.user, project: state.project)
        let order = FillOrder(volume: id.text, sizeGB: volume.size, source: source)
        _ = try await tools.ask(VolumeMessages.overwrite, at: host, order)
    }

    private static func finish(_ tools: VolumeTools, _ state: inout State) async throws {
        try await tools.settle(state.volume, from: .downloading)
        try await tell(tools, state.volume, "completed")
    }

    /// A server that is rebuilt waits for it.
    private static func tell(_ tools: VolumeTools, _ id: ID<Volume>, _ status: String) async throws {
        let servers = try await tools.database.read { try $0.attachments(of: id) }.compactMap(\.instance)
        guard !servers.isEmpty else { return }
        let events = servers.map { server -> JSON in
            [
                "name": "volume-reimaged", "server_uuid": .string(server), "tag": .string(id.text),
                "status": .string(status == "completed" ? "completed" : "failed"),
            ]
        }
        do throws(Failure) {
            _ = try await tools.neighbours.compute.ask(
                "POST", "/v2.1/os-server-external-events", ["events": .array(events)],
                token: try await tools.tokens.serviceToken(), headers: ["OpenStack-API-Version": "compute 2.93"])
        } catch {
            tools.log.warning("Volume \(id) was filled anew, which the compute service could not be told: \(error)")
        }
    }
}

extension VolumeTools {
    /// What was being done is over: the volume goes back to what it was, unless somebody has said otherwise meanwhile.
    func settle(_ id: ID<Volume>, from status: VolumeStatus) async throws {
        let now = world.now
        try await database.write { tx in
            guard try !tx.volumes(where: "volume_volume.id = \(id)").isEmpty else { return }
            try tx.change(id, at: now) { volume in if volume.status == status { volume.settle() } }
        }
    }
}
