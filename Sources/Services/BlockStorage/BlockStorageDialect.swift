import API
import Base

extension Dialect {
    /// `{"itemNotFound": {"code": 404, "message": "Volume 42 could not be found."}}`
    static let blockStorage = Dialect(
        statuses: [.overQuota: 413],
        refusal: { "Policy doesn't allow \($0) to be performed." },
        write: { failure, status, _ in
            var json = JSONWriter()
            json.object {
                $0.object(name(of: status)) {
                    $0.put("code", status)
                    $0.put("message", failure.message)
                    if status == 413 { $0.put("retryAfter", "0") }
                }
            }
            return json.finish()
        })

    private static func name(of status: Int) -> String {
        switch status {
        case 400: "badRequest"
        case 401: "unauthorized"
        case 403: "forbidden"
        case 404: "itemNotFound"
        case 405: "badMethod"
        case 406: "notAcceptable"
        case 409: "conflictingRequest"
        case 413, 429: "overLimit"
        case 415: "badMediaType"
        case 501: "notImplemented"
        case 503: "serviceUnavailable"
        default: "computeFault"
        }
    }
}

extension Failure {
    /// "Volume 42 could not be found."
    static func noSuch(_ noun: String, _ id: String) -> Failure {
        Failure(.notFound, "\(noun) \(id) could not be found.")
    }

    static func invalidInput(_ why: String) -> Failure { .invalid("Invalid input received: \(why)") }

    static func invalidVolume(_ why: String) -> Failure { .invalid("Invalid volume: \(why)") }

    static func invalidSnapshot(_ why: String) -> Failure { .invalid("Invalid snapshot: \(why)") }
}
