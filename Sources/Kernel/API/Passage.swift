package import Base
import IO
package import Policy

/// How a request went through the door: what is counted, and what is kept of who did what.
package struct Passage: Sendable {
    let api: ServiceAPI
    package let method: String
    /// Without what stands behind the question mark, which may be secret.
    package let path: String
    let address: SocketAddress?
    package let requestID: String
    package let begun: Moment
    /// Whether it came from outside, not from another service on its way.
    package let isFirst: Bool
    /// What was asked for; nil where there is nothing.
    var entry: ServiceAPI.Entry?
    /// Nil when it didn't get as far as to be known.
    package internal(set) var caller: Caller?
    package internal(set) var status = 0
    package internal(set) var duration: Duration = .zero

    package var service: String { api.name }

    /// Where the client is; nil when it is in this process.
    package var peer: String? { address?.host }

    /// The endpoint as the reference has it; nil where there is none.
    package var endpoint: String? { entry?.path }

    /// Whether it was to change something.
    package var isChange: Bool { method != "GET" && method != "HEAD" && method != "OPTIONS" }
}
