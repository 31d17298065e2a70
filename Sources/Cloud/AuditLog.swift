import API
package import Base
import Glibc
import Policy
import Synchronization

/// Who did what, to what, from where and with what outcome: a line for each request that was to change something, in a
/// form that follows CADF. Kept in the cloud's folder, for its owner's eyes only, and queried by `martlet audit`.
final class AuditLog: Sendable {
    private let path: String
    private let state: Mutex<File>

    private struct File {
        var descriptor: Int32
        var size: Int
    }

    /// Some hundred thousand lines each; the oldest goes when there would be more.
    private static let fileSize = 64 << 20
    private static let fileCount = 5

    init(_ path: String) throws(Failure) {
        self.path = path
        state = Mutex(try AuditLog.open(path))
    }

    deinit { state.withLock { _ = close($0.descriptor) } }

    private static func open(_ path: String) throws(Failure) -> File {
        let descriptor = Glibc.open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw .unavailable("Cannot write \(path): \(String(cString: strerror(errno))).")
        }
        return File(descriptor: descriptor, size: Int(lseek(descriptor, 0, SEEK_END)))
    }

    func note(_ passage: Passage) {
        guard passage.isFirst, passage.isChange else { return }
        var json = JSONWriter()
        json.object { AuditLog.write(passage, to: &$0) }
        let line = json.finish() + [UInt8(ascii: "\n")]
        state.withLock { file in
            if file.size + line.count > AuditLog.fileSize { turn(&file) }
            // One write a line, so that lines never mix. What can't be written is not worth failing the request.
            file.size += max(0, Glibc.write(file.descriptor, line, line.count))
        }
    }

    /// `audit.log` becomes `audit.log.1`, that `audit.log.2`.
    private func turn(_ file: inout File) {
        for number in stride(from: AuditLog.fileCount - 2, through: 0, by: -1) {
            _ = rename(number == 0 ? path : "\(path).\(number)", "\(path).\(number + 1)")
        }
        guard let fresh = try? AuditLog.open(path) else { return }
        close(file.descriptor)
        file = fresh
    }

    private static func write(_ passage: Passage, to json: inout JSONWriter) {
        json.put("eventTime", passage.begun, as: .identity)
        json.put("eventType", "activity")
        json.put("action", action(passage))
        json.put("outcome", passage.status < 400 ? "success" : "failure")
        json.object("reason") { $0.put("reasonCode", "\(passage.status)") }
        json.object("initiator") { json in
            json.put("id", passage.caller?.user.id)
            json.put("name", passage.caller?.user.name)
            json.put("project_id", passage.caller?.projectID)
            json.put("domain_id", passage.caller?.domainID)
            json.put("address", passage.peer)
        }
        json.object("target") { json in
            json.put("typeURI", "service/\(passage.service)")
            json.put("id", passage.path)
        }
        json.put("request_id", passage.requestID)
    }

    private static func action(_ passage: Passage) -> String {
        switch passage.method {
        case "POST": passage.path.hasSuffix("/auth/tokens") ? "authenticate" : "create"
        case "PUT", "PATCH": "update"
        case "DELETE": "delete"
        default: passage.method.lowercased()
        }
    }
}

extension DataDirectory {
    var auditLog: String { path + "/audit.log" }
}

extension Care {
    package struct Deed: Sendable {
        package let time: String
        package let who: String
        package let address: String
        package let action: String
        package let what: String
        package let outcome: String
        package let requestID: String
    }

    /// The newest last.
    ///
    /// - Parameters:
    ///   - who: a user's or a project's id or a user's name.
    ///   - what: a part of the path: a server's id.
    package func deeds(by who: String?, on what: String?, limit: Int) throws(Failure) -> [Deed] {
        var deeds: [Deed] = []
        for path in ((1..<5).reversed().map { "\(auditPath).\($0)" } + [auditPath]) where Files.exists(path) {
            for line in try Files.read(path).split(separator: UInt8(ascii: "\n")) {
                guard let json = try? JSONReader.read(Array(line)) else { continue }
                let (initiator, target) = (json["initiator"], json["target"]?["id"]?.string ?? "")
                if let who {
                    let names = ["id", "name", "project_id"].compactMap { initiator?[$0]?.string }
                    guard names.contains(who) else { continue }
                }
                if let what { guard target.contains(what) else { continue } }
                deeds.append(
                    Deed(
                        time: json["eventTime"]?.string ?? "", who: initiator?["name"]?.string ?? "",
                        address: initiator?["address"]?.string ?? "", action: json["action"]?.string ?? "",
                        what: target, outcome: json["reason"]?["reasonCode"]?.string ?? "",
                        requestID: json["request_id"]?.string ?? ""))
            }
        }
        return Array(deeds.suffix(limit))
    }
}
