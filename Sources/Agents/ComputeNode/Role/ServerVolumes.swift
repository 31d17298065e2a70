import API
import Base
import Contracts
import HTTP

/// A server's volumes, as the block storage service has them: this host asks for the way to each, with the user's token.
struct ServerVolumes: Sendable {
    let host: String
    let service: Neighbour

    private static let version: HTTPHeaders = ["OpenStack-API-Version": "volume 3.44"]

    /// The disk that a volume is here. Asking twice is answered twice.
    func connect(_ connection: VolumeConnection, to server: String, token: String) async throws(Failure) -> DiskSpec {
        let connector: JSON = [
            "host": .string(host), "ip": "127.0.0.1", "multipath": false, "os_type": "linux", "platform": "x86_64",
            "instance": .string(server), "initiator": .string("iqn.2026-01.martlet:\(host)"), "do_local_attach": false,
            "mountpoint": JSON(connection.device),
        ]
        let answer = try await service.ask(
            "PUT", "/v3/attachments/\(connection.attachment)", ["attachment": ["connector": connector]], token: token,
            headers: ServerVolumes.version
        ).json
        let info = answer["attachment"]?["connection_info"] ?? .null
        let data = info["data"] ?? info
        let isReadOnly = data["access_mode"]?.string == "ro"
        let place = try place(
            info["driver_volume_type"]?.string ?? data["driver_volume_type"]?.string, data, connection)
        return DiskSpec(id: connection.volume, place: place, isReadOnly: isReadOnly)
    }

    private func place(_ kind: String?, _ data: JSON, _ connection: VolumeConnection) throws(Failure) -> DiskSpec.Place
    {
        switch kind {
        case "file":
            let format = DiskFormat(rawValue: data["format"]?.string ?? "raw") ?? .raw
            guard let path = data["path"]?.string else { break }
            return .file(path: path, format: format)
        case "nbd":
            guard let name = data["host"]?.string, let port = data["port"]?.looseInteger else { break }
            return .url("nbd://\(name):\(port)/\(data["export"]?.string ?? connection.volume)")
        case "simulated": return .url("simulated:\(connection.volume)")
        default: break
        }
        throw .invalid(
            "The volume \(connection.volume) is reached by \(kind ?? "nothing"), which \(host) does not know.")
    }

    /// Says that the guest has it.
    func complete(_ connection: VolumeConnection, token: String) async throws(Failure) {
        _ = try await service.ask(
            "POST", "/v3/attachments/\(connection.attachment)/action", ["os-complete": [:]], token: token,
            headers: ServerVolumes.version)
    }
}
