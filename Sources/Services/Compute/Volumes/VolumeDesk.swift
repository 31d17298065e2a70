import API
import Base
import Contracts
import HTTP
import SQL

/// What compute asks of the block storage service, with the token of whoever the volumes belong to.
struct VolumeDesk: Sendable {
    let service: Neighbour
    /// What a server has may be taken from it by compute only, which says so beside the user's token.
    let tokens: any TokenIssuer

    private static let version: HTTPHeaders = ["OpenStack-API-Version": "volume 3.44"]

    private func ask(_ method: String, _ path: String, _ body: JSON? = nil, token: String) async throws(Failure) -> JSON
    {
        try await service.ask(method, "/v3" + path, body, token: token, headers: VolumeDesk.version).json
    }

    func volume(_ id: String, token: String) async throws(Failure) -> JSON {
        try await ask("GET", "/volumes/\(id)", token: token).member("volume")
    }

    func snapshot(_ id: String, token: String) async throws(Failure) -> JSON {
        try await ask("GET", "/snapshots/\(id)", token: token).member("snapshot")
    }

    func hasType(_ name: String, token: String) async throws(Failure) -> Bool {
        let types = try await ask("GET", "/types", token: token)["volume_types"]?.array ?? []
        return types.contains { $0["name"]?.string == name || $0["id"]?.string == name }
    }

    /// The mark of a volume that was made for a server, by which a second try finds it.
    private static let mark = "made_for"

    /// What was made already, though its answer may have been lost.
    func find(_ volume: ServerVolume, token: String) async throws(Failure) -> String? {
        let filter = "metadata=%7B%22\(VolumeDesk.mark)%22%3A%20%22\(volume.id)%22%7D"
        let known = try await ask("GET", "/volumes/detail?\(filter)", token: token)["volumes"]?.array ?? []
        return try known.first { $0["metadata"]?[VolumeDesk.mark]?.string == volume.id }?.text("id")
    }

    /// Makes a volume once, however often it is asked.
    func make(_ volume: ServerVolume, for server: Server, token: String) async throws(Failure) -> String {
        if let found = try await find(volume, token: token) { return found }
        var wish = JSON.Object([
            JSON.Member(name: "name", value: ""), .init(name: "size", value: JSON(volume.size)),
            .init(name: "metadata", value: [VolumeDesk.mark: .string(volume.id)]),
        ])
        switch volume.source {
        case .image: wish["imageRef"] = JSON(volume.sourceID)
        case .snapshot: wish["snapshot_id"] = JSON(volume.sourceID)
        case .blank, .volume: break
        }
        if let type = volume.type { wish["volume_type"] = .string(type) }
        return try await ask("POST", "/volumes", ["volume": .object(wish)], token: token).member("volume").text("id")
    }

    /// Whether it is there to be used; one that failed never will be.
    func isReady(_ id: String, token: String) async throws(Failure) -> Bool {
        let status = try await volume(id, token: token)["status"]?.string ?? ""
        guard !status.hasPrefix("error") else {
            throw .invalid("Volume \(id) did not finish being created: \(status).")
        }
        return status == "available" || status == "in-use" || status == "reserved"
    }

    /// The bonds between a volume and a server.
    private func bonds(of id: String, with server: String, token: String) async throws(Failure) -> [String] {
        let known = try await ask("GET", "/attachments?volume_id=\(id)&instance_id=\(server)", token: token)[
            "attachments"]?.array
        let own = (known ?? []).filter { attachment in
            let of = attachment["instance"]?.string ?? attachment["instance_uuid"]?.string
            return attachment["volume_id"]?.string == id && of == server
        }
        return own.compactMap { $0["id"]?.string }
    }

    /// The bond between a volume and a server, made once.
    func reserve(_ id: String, for server: String, token: String) async throws(Failure) -> String {
        if let own = try await bonds(of: id, with: server, token: token).first { return own }
        let wish: JSON = ["attachment": ["volume_uuid": .string(id), "instance_uuid": .string(server)]]
        return try await ask("POST", "/attachments", wish, token: token).member("attachment").text("id")
    }

    func complete(_ attachment: String, token: String) async throws(Failure) {
        _ = try await ask("POST", "/attachments/\(attachment)/action", ["os-complete": [:]], token: token)
    }

    func leave(_ attachment: String, token: String) async throws(Failure) {
        var headers = VolumeDesk.version
        headers.append("X-Service-Token", try await tokens.serviceToken())
        do throws(Failure) {
            _ = try await service.ask("DELETE", "/v3/attachments/\(attachment)", token: token, headers: headers)
        } catch  where error.kind == .notFound {
            return
        }
    }

    /// Ends every bond between a volume and a server, those of which no word ever came back too.
    func leave(_ id: String, of server: String, token: String) async throws(Failure) {
        for bond in try await bonds(of: id, with: server, token: token) { try await leave(bond, token: token) }
    }

    func delete(_ id: String, token: String) async throws(Failure) {
        do throws(Failure) { _ = try await ask("DELETE", "/volumes/\(id)", token: token) } catch
            where error.kind == .notFound
        { return }
    }
}

extension Compute {
    var volumeDesk: VolumeDesk { VolumeDesk(service: neighbours.volume, tokens: tokens) }
}

extension ServerTools {
    var volumeDesk: VolumeDesk { VolumeDesk(service: neighbours.volume, tokens: tokens) }

    /// Lets go of all of a server's volumes, and deletes those that go with it.
    func leaveVolumes(of server: Server) async throws(Failure) {
        guard !server.volumes.isEmpty else { return }
        let token = try await token(of: server)
        for volume in server.volumes {
            guard let id = volume.volume else { continue }
            try await volumeDesk.leave(id, of: server.id.text, token: token)
            guard volume.isDeletedWithServer else { continue }
            do throws(Failure) { try await volumeDesk.delete(id, token: token) } catch
                where error.kind == .invalid || error.kind == .conflict
            {
                // Somebody else uses it by now; it is theirs to delete.
                continue
            }
        }
    }
}
