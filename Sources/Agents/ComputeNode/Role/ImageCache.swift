import API
import Base
import Contracts
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
        if Files.exists(path) { utimes(path, nil) } else { try await fetch(id, to: path, token) }
        return File(path: path, format: format)
    }

    /// The image below disks that come from another host: also one that the image service has no longer.
    func ensure(
        _ id: String, _ format: DiskFormat, from loan: DiskLoan, token: String
    ) async throws(Failure) -> File {
        let path = "\(folder)/\(id)"
        if Files.exists(path) {
            utimes(path, nil)
            return File(path: path, format: format)
        }
        do throws(Failure) { return try await ensure(id, token: token) } catch  where error.kind == .notFound {
            let fresh = "\(path).\(UUID(SystemChance()).hex)"
            try await Lender(loan: loan, keys: fresh + ".keys").fetch(DiskLoan.image, to: fresh, by: "compute-node")
            try LocalFiles.removeAll(fresh + ".keys")
            try LocalFiles.move(fresh, to: path)
            return File(path: path, format: format)
        }
    }

    /// Takes away what a process that was cut off has left: images half fetched, discs and snapshots on their way. Nothing
    /// else stands in the folder but whole images. For the beginning, when nobody is at work here yet.
    func sweep() throws(Failure) {
        for name in try LocalFiles.names(in: folder) where UUID(name) == nil {
            try LocalFiles.removeAll("\(folder)/\(name)")
        }
    }

    /// How long an image that no guest stands on is kept: for the next server, or, when there can be none, for those that
    /// are just being made.
    static let keptUnused = 86_400
    static let keptWhenGone = 3_600

    /// Drops what no guest stands on and nobody has asked for in a while.
    ///
    /// - Parameter now: in seconds of the clock that files are dated by.
    func tidy(used: Set<String>, token: String, at now: Int = time(nil)) async throws(Failure) {
        for name in try LocalFiles.names(in: folder) where UUID(name) != nil {
            let path = "\(folder)/\(name)"
            var status = stat()
            guard !used.contains(path), stat(path, &status) == 0 else { continue }
            let age = now - status.st_mtim.tv_sec
            guard age > ImageCache.keptWhenGone else { continue }
            if age <= ImageCache.keptUnused, try await !isGone(name, token) { continue }
            try LocalFiles.remove(path)
        }
    }

    private func isGone(_ id: String, _ token: String) async throws(Failure) -> Bool {
        do throws(Failure) {
            _ = try await service.ask("GET", "/v2/images/\(id)", token: token)
            return false
        } catch  where error.kind == .notFound {
            return true
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
