package import Base
import HTTP

/// How a service says that something failed. Each has its own way, and its clients look for just that.
package struct Dialect: Sendable {
    /// The statuses that differ from the usual ones.
    package let statuses: [Failure.Kind: Int]
    /// What a caller is told whom a rule refuses.
    package let refusal: @Sendable (_ rule: String) -> String
    package let contentType: String
    /// What a caller is told whose body isn't of the endpoint's shape.
    package let complaint: @Sendable (Complaint) -> Failure
    /// The one media type that bodies must have and answers can have, for a service that insists.
    package let mediaType: String?
    /// The header in which the request's id was answered before all services had the same one, for clients that read it.
    package let olderRequestID: String?
    package let write: @Sendable (_ failure: Failure, _ status: Int, _ requestID: String) -> [UInt8]

    package init(
        statuses: [Failure.Kind: Int] = [:], contentType: String = "application/json", mediaType: String? = nil,
        olderRequestID: String? = nil,
        complaint: @escaping @Sendable (Complaint) -> Failure = { $0.failure },
        refusal: @escaping @Sendable (_ rule: String) -> String,
        write: @escaping @Sendable (_ failure: Failure, _ status: Int, _ requestID: String) -> [UInt8]
    ) {
        self.statuses = statuses
        self.contentType = contentType
        self.mediaType = mediaType
        self.olderRequestID = olderRequestID
        self.complaint = complaint
        self.refusal = refusal
        self.write = write
    }

    /// Failures under a name that follows from the status: `{"itemNotFound": {"code": 404, "message": …}}`.
    ///
    /// - Parameter retries: whether who asked for too much is told when to ask again.
    package static func named(
        statuses: [Failure.Kind: Int] = [:], olderRequestID: String? = nil, retries: Bool = false
    ) -> Dialect {
        Dialect(
            statuses: statuses, olderRequestID: olderRequestID,
            refusal: { "Policy doesn't allow \($0) to be performed." },
            write: { failure, status, _ in
                var json = JSONWriter()
                json.object {
                    $0.object(name(of: status)) {
                        $0.put("code", status)
                        $0.put("message", failure.message)
                        if retries, status == 413 { $0.put("retryAfter", "0") }
                    }
                }
                return json.finish()
            })
    }

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

    package func status(_ kind: Failure.Kind) -> Int { statuses[kind] ?? kind.status }

    /// What is told of a bug is that there is one; the log has the rest.
    func spoken(_ failure: Failure) -> Failure {
        guard failure.kind == .bug else { return failure }
        return Failure(
            .bug, "An unexpected error prevented the server from fulfilling your request.", name: failure.name)
    }
}

extension Failure {
    /// "Instance 42 could not be found."
    package static func noSuch(_ noun: String, _ id: String) -> Failure {
        Failure(.notFound, "\(noun) \(id) could not be found.")
    }
}

extension Failure.Kind {
    package var status: Int {
        switch self {
        case .invalid: 400
        case .unauthenticated: 401
        case .forbidden: 403
        case .notFound: 404
        case .methodNotAllowed: 405
        case .notAcceptable: 406
        case .timedOut: 408
        case .conflict: 409
        case .gone: 410
        case .lengthRequired: 411
        case .preconditionFailed: 412
        case .tooLarge: 413
        case .unsupportedMediaType: 415
        case .rangeNotSatisfiable: 416
        case .unprocessable: 422
        case .tooManyRequests: 429
        case .overQuota: 403
        case .bug: 500
        case .notImplemented: 501
        case .unavailable: 503
        }
    }
}
