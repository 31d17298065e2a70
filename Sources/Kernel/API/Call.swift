package import Base
package import HTTP
package import Policy

/// One request on its way through a service: who asks, for what, how far they may see.
package struct Call<Service: Sendable>: Sendable {
    package let service: Service
    package let exchange: Exchange

    package var caller: Caller { exchange.caller }
    /// How far the endpoint's rule lets the caller see.
    package var scope: Scope { exchange.scope }
    package var version: Microversion { exchange.version }
    package var query: Parameters { exchange.query }
    /// The body, checked against the endpoint's shape.
    package var body: JSON { exchange.body }
    package var request: HTTPRequest { exchange.request }

    /// A part of the path: `call["name"]` of `/os-keypairs/{name}`. Asking for what the path doesn't have is a bug.
    package subscript(parameter: String) -> String { exchange.path[parameter] ?? "" }

    package func id<Thing>(_ parameter: String) -> ID<Thing> { ID(self[parameter]) }

    /// How far another rule lets the same caller see, for what only the handler can know is needed.
    package func scope(under rule: Rule) -> Scope { exchange.policy.scope(rule, for: caller) }

    /// Refuses unless a rule lets the caller do this to a target.
    package func require(_ rule: Rule, of target: [String: String] = [:]) throws(Failure) {
        guard scope(under: rule).covers(target) else { throw exchange.refusal(rule) }
    }

    package func allows(_ rule: Rule, of target: [String: String] = [:]) -> Bool { scope(under: rule).covers(target) }

    /// An absolute link that follows the host and path by which the request came.
    package func link(_ path: String) -> String { exchange.base + path }

    /// The object inside of a body that is wrapped once: `{"project": {…}}`.
    package func fields(_ name: String) throws(Failure) -> JSON.Object {
        guard let object = body[name]?.object else { throw .field(name, "is required") }
        return object
    }
}

/// What all services' calls have in common.
package final class Exchange: Sendable {
    package let request: HTTPRequest
    package let requestID: String
    /// Scheme, host and, behind the gateway, the service's path; no slash at the end.
    package let base: String
    package let path: [String: String]
    package let query: Parameters
    package let version: Microversion
    package let caller: Caller
    package let scope: Scope
    package let body: JSON
    let policy: Policy
    let dialect: Dialect

    init(
        request: HTTPRequest, requestID: String, base: String, path: [String: String], query: Parameters,
        version: Microversion, caller: Caller, scope: Scope, body: JSON, policy: Policy, dialect: Dialect
    ) {
        self.request = request
        self.requestID = requestID
        self.base = base
        self.path = path
        self.query = query
        self.version = version
        self.caller = caller
        self.scope = scope
        self.body = body
        self.policy = policy
        self.dialect = dialect
    }

    package func refusal(_ rule: Rule) -> Failure { Failure(.forbidden, dialect.refusal(rule.name), name: "Forbidden") }
}
