import API
import Base
import HTTP

extension Dialect {
    /// `{"NeutronError": {"type": "NetworkNotFound", "message": "…", "detail": ""}}`
    static let network = Dialect(
        statuses: [.overQuota: 409],
        refusal: { "rule:\($0) is disallowed by policy" },
        write: { failure, status, _ in
            var json = JSONWriter()
            json.object {
                if failure.kind == .unauthenticated {
                    $0.object("error") {
                        $0.put("code", status)
                        $0.put("message", failure.message)
                        $0.put("title", HTTPStatus.reason(status).description)
                    }
                } else {
                    $0.object("NeutronError") {
                        $0.put("type", failure.typeOfNetworkError)
                        $0.put("message", failure.message)
                        $0.put("detail", "")
                    }
                }
            }
            return json.finish()
        })
}

extension Failure {
    fileprivate var typeOfNetworkError: String {
        switch kind {
        case .forbidden: name == nil || name == "Forbidden" ? "PolicyNotAuthorized" : name ?? ""
        case .invalid: name ?? "HTTPBadRequest"
        case .notFound: name ?? "HTTPNotFound"
        case .conflict: name ?? "HTTPConflict"
        case .overQuota: "OverQuota"
        case .preconditionFailed: name ?? "RevisionNumberConstraintFailed"
        case .notImplemented: "HTTPNotImplemented"
        case .unavailable: name ?? "HTTPServiceUnavailable"
        default: name ?? "HTTPInternalServerError"
        }
    }

    static func refused(_ rule: String) -> Failure {
        Failure(.forbidden, "rule:\(rule) is disallowed by policy", name: "PolicyNotAuthorized")
    }
    static func missing(_ type: String, _ message: String) -> Failure { Failure(.notFound, message, name: type) }
    static func clash(_ type: String, _ message: String) -> Failure { .conflict(message, name: type) }
    static func input(_ message: String) -> Failure {
        .invalid("Invalid input for operation: \(message).", name: "InvalidInput")
    }
    static func wrong(_ type: String, _ message: String) -> Failure { .invalid(message, name: type) }
    static func badRequest(_ resource: String, _ message: String) -> Failure {
        .invalid("Bad \(resource) request: \(message).", name: "BadRequest")
    }
}
