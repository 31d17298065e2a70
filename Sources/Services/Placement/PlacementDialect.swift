import API
import Base
import HTTP

extension Dialect {
    /// `{"errors": [{"status": 404, "title": "Not Found", "detail": "…", "code": "…", "request_id": "req-…"}]}`
    static let placement = Dialect(
        mediaType: "application/json",
        complaint: { .invalid($0.schemaWords) },
        refusal: { "Policy does not allow \($0) to be performed." },
        write: { failure, status, requestID in
            let refusal = failure.cause as? VersionRefusal
            var json = JSONWriter()
            json.object {
                $0.array("errors") {
                    $0.object {
                        $0.put("status", status)
                        $0.put("title", HTTPStatus.reason(status).description)
                        $0.put("detail", refusal.map { detail(of: $0, status) } ?? failure.message)
                        $0.put("code", ErrorCode(failure).rawValue)
                        $0.put("request_id", requestID)
                        guard let refusal, status == 406 else { return }
                        $0.put("max_version", refusal.range.newest.description)
                        $0.put("min_version", refusal.range.oldest.description)
                    }
                }
            }
            return json.finish()
        })

    private static func detail(of refusal: VersionRefusal, _ status: Int) -> String {
        status == 406 ? "Unacceptable version header: \(refusal.asked)" : "invalid version string: \(refusal.asked)"
    }
}

/// What clients look at to know which of several errors of one status it is.
enum ErrorCode: String {
    case undefined = "placement.undefined_code"
    case inventoryInUse = "placement.inventory.inuse"
    case concurrentUpdate = "placement.concurrent_update"
    case duplicateName = "placement.duplicate_name"
    case providerInUse = "placement.resource_provider.inuse"
    case cannotDeleteParent = "placement.resource_provider.cannot_delete_parent"
    case providerNotFound = "placement.resource_provider.not_found"
    case duplicateParameter = "placement.query.duplicate_key"
    case badParameter = "placement.query.bad_value"
    case missingParameter = "placement.query.missing_value"

    init(_ failure: Failure) { self = failure.name.flatMap(ErrorCode.init(rawValue:)) ?? .undefined }
}

extension Failure {
    static func invalid(_ message: String, _ code: ErrorCode) -> Failure { .invalid(message, name: code.rawValue) }
    static func conflict(_ message: String, _ code: ErrorCode) -> Failure { .conflict(message, name: code.rawValue) }
    static func missing(_ message: String) -> Failure { Failure(.notFound, message) }

    /// The same failure as seen from what it made impossible.
    func within(_ prefix: String, as kind: Kind? = nil, _ code: ErrorCode? = nil) -> Failure {
        Failure(kind ?? self.kind, "\(prefix): \(message)", name: code?.rawValue ?? name, cause: cause)
    }

    /// Does something, and says of some of its failures what they made impossible.
    static func explaining<Value>(
        _ prefix: String, _ kinds: Set<Kind>, as kind: Kind? = nil, _ code: ErrorCode? = nil,
        _ body: () throws -> Value
    ) throws(Failure) -> Value {
        do { return try body() } catch {
            let failure = Failure(error)
            throw kinds.contains(failure.kind) ? failure.within(prefix, as: kind, code) : failure
        }
    }

    /// Somebody else was quicker.
    static let outdated = Failure.conflict(
        "Another thread concurrently updated the resource provider data. Please retry your update", .concurrentUpdate)
}
