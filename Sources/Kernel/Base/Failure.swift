/// The one error of the program: what went wrong, said in the caller's words.
///
/// A failure says what kind of thing happened and leaves its shape on the wire to the service's dialect.
package struct Failure: Error, Sendable {
    package enum Kind: Sendable, Hashable, CaseIterable {
        /// The request makes no sense as it stands; the message names the field.
        case invalid
        case unauthenticated
        case forbidden
        case notFound
        case methodNotAllowed
        case notAcceptable
        case timedOut
        /// It clashes with what is there now: a name that is taken, a thing that is in use.
        case conflict
        case gone
        case lengthRequired
        case preconditionFailed
        case tooLarge
        case unsupportedMediaType
        case rangeNotSatisfiable
        case unprocessable
        case tooManyRequests
        /// It would go beyond a quota. On the wire each service has its own status for this.
        case overQuota
        /// Ours, not the caller's: it is logged in full and shown as no more than "unexpected".
        case bug
        case notImplemented
        /// Something that is needed does not answer just now; trying again may help.
        case unavailable
    }

    package let kind: Kind
    package let message: String
    /// The name that a service's reference gives this failure, where its clients look for one.
    package let name: String?
    package let cause: (any Error)?

    package init(_ kind: Kind, _ message: String, name: String? = nil, cause: (any Error)? = nil) {
        self.kind = kind
        self.message = message
        self.name = name
        self.cause = cause
    }
}

extension Failure {
    package static func invalid(_ message: String, name: String? = nil) -> Failure {
        Failure(.invalid, message, name: name)
    }
    package static func conflict(_ message: String, name: String? = nil) -> Failure {
        Failure(.conflict, message, name: name)
    }
    package static func forbidden(_ message: String) -> Failure { Failure(.forbidden, message) }
    package static func bug(_ message: String, cause: (any Error)? = nil) -> Failure {
        Failure(.bug, message, cause: cause)
    }
    package static func unavailable(_ message: String, cause: (any Error)? = nil) -> Failure {
        Failure(.unavailable, message, cause: cause)
    }

    /// A rule lets the caller do this, but not to this target. The door says it in the words of the service's dialect.
    package static let outOfReach = Failure(.forbidden, "")

    /// "Could not find project: 42."
    package static func notFound(_ noun: String, _ id: String) -> Failure {
        Failure(.notFound, "Could not find \(noun): \(id).")
    }

    /// Whatever was thrown, as a failure: what is one already stays as it is, anything else is a bug of ours.
    package init(_ error: any Error) {
        switch error {
        case let failure as Failure: self = failure
        case is CancellationError: self.init(.unavailable, "The service is stopping.", cause: error)
        default: self.init(.bug, "Something unexpected happened.", cause: error)
        }
    }
}

extension Failure: CustomStringConvertible {
    /// With its causes, for logs.
    package var description: String {
        guard let cause else { return "\(kind): \(message)" }
        return "\(kind): \(message) (because: \(cause))"
    }
}
