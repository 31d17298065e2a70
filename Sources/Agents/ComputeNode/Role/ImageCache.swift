import API
import Base
import Glibc
import HTTP
import IO

/// Images that were used on this host, each a file named for its id. An image never changes, so a file that is there is
/// right; one that is being fetched has another name until it is whole.
struct ImageCache: Sendable {
    struct File: Sendable {
        let path: String
        let format: DiskFormat
    }

    let folder: String
    let service: Neighbour

    /// Where images are copied: disks are waited for there, not where everything else goes on.
    private static let files = Pool(name: "image cache", threads: 2)

    func ensure(_ id: String, token: String) async throws(Failure) -> File {
        let image = try await service.ask("GET", "/v2/images/\(id)", token: token).json
        guard image["status"] == "active" else { throw .invalid("Image \(id) is not active.") }
        let format = DiskFormat(rawValue: image["disk_format"]?.string ?? "") ?? .raw
        let path = "\(folder)/\(id)"
        if !Files.exists(path) { try await fetch(id, to: path, token) }
        return File(path: path, format: format)
    }

    /// Takes away what a process that was cut off has left: images half fetched, discs and snapshots on their way. Nothing
    /// else stands in the folder but whole images. For the beginning, when nobody is at work here yet.
    func sweep() throws(Failure) {
        for name in try LocalFiles.names(in: folder) where UUID(name) == nil {
            try LocalFiles.removeAll("\(folder)/\(name)")
        }
    }

    private func fetch(_ id: String, to path: String, _ token: String) async throws(Failure) {
        let response = try await service.open("GET", "/v2/images/\(id)/file", token: token)
        let fresh = "\(path).\(UUID(SystemChance()).hex).part"
        do throws(Failure) {
            try await write(response, to: fresh)
            guard rename(fresh, path) == 0 else { throw .unavailable("Cannot keep the image \(id) in \(folder).") }
        } catch {
            unlink(fresh)
            throw error
        }
    }

    private func write(_ response: HTTPResponse, to path: String) async throws(Failure) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw .unavailable("Cannot write in \(folder): \(String(cString: strerror(errno))).")
        }
        defer { close(descriptor) }
        let folder = folder
        try await response.read { bytes throws(Failure) in
            try await ImageCache.files.run { () throws(Failure) in
                try ImageCache.write(bytes, to: descriptor, in: folder)
            }
        }
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32, in folder: String) throws(Failure) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else {
                throw .unavailable("Cannot write in \(folder): \(String(cString: strerror(errno))).")
            }
            rest = rest.dropFirst(count)
        }
    }
}
