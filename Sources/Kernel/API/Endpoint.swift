package import Policy

/// One entry of a service's API reference: what is asked, who may, what it takes, and what answers.
///
/// Endpoints are data. What follows from the list (routing, permission, validation, OpenAPI, the policy sample, the
/// tests that try each entry as each persona) is written once, in this module.
package struct Endpoint<Service: Sendable>: Sendable {
    package let method: String
    package let path: String
    package let access: Access
    package let summary: String
    package let query: [Parameter]
    package let body: Body
    package let since: Microversion?
    package let until: Microversion?
    package let handle: @Sendable (Call<Service>) async throws -> Reply
}

/// Who may use an endpoint.
package enum Access: Sendable {
    /// Anybody, without a token.
    case open
    /// Anybody with a token.
    case authenticated
    case rule(Rule)
    /// Anybody with a token as far as the door goes: the handler asks these rules when it knows the target.
    case decided(by: [Rule])
}

extension Access {
    package var rules: [Rule] {
        switch self {
        case .open, .authenticated: []
        case .rule(let rule): [rule]
        case .decided(let rules): rules
        }
    }
}

/// What an endpoint reads behind the headers.
package enum Body: Sendable {
    case none
    case json(Shape, limit: Int = 1 << 20)
    /// The handler reads it piece by piece.
    case stream
}

extension Endpoint {
    package typealias Handler = @Sendable (Call<Service>) async throws -> Reply

    package init(
        _ method: String, _ path: String, _ summary: String, access: Access, query: [Parameter] = [],
        body: Body = .none,
        since: Microversion? = nil, until: Microversion? = nil, _ handle: @escaping Handler
    ) {
        self.init(
            method: method, path: path, access: access, summary: summary, query: query, body: body, since: since,
            until: until, handle: handle)
    }

    package static func get(
        _ path: String, _ summary: String, may rule: Rule, query: [Parameter] = [], since: Microversion? = nil,
        until: Microversion? = nil, _ handle: @escaping Handler
    ) -> Endpoint {
        Endpoint("GET", path, summary, access: .rule(rule), query: query, since: since, until: until, handle)
    }

    package static func head(
        _ path: String, _ summary: String, may rule: Rule, since: Microversion? = nil, until: Microversion? = nil,
        _ handle: @escaping Handler
    ) -> Endpoint {
        Endpoint("HEAD", path, summary, access: .rule(rule), since: since, until: until, handle)
    }

    package static func post(
        _ path: String, _ summary: String, may rule: Rule, takes shape: Shape? = nil, since: Microversion? = nil,
        until: Microversion? = nil, _ handle: @escaping Handler
    ) -> Endpoint {
        Endpoint("POST", path, summary, access: .rule(rule), body: .init(shape), since: since, until: until, handle)
    }

    package static func put(
        _ path: String, _ summary: String, may rule: Rule, takes shape: Shape? = nil, since: Microversion? = nil,
        until: Microversion? = nil, _ handle: @escaping Handler
    ) -> Endpoint {
        Endpoint("PUT", path, summary, access: .rule(rule), body: .init(shape), since: since, until: until, handle)
    }

    package static func patch(
        _ path: String, _ summary: String, may rule: Rule, takes shape: Shape? = nil, since: Microversion? = nil,
        until: Microversion? = nil, _ handle: @escaping Handler
    ) -> Endpoint {
        Endpoint("PATCH", path, summary, access: .rule(rule), body: .init(shape), since: since, until: until, handle)
    }

    package static func delete(
        _ path: String, _ summary: String, may rule: Rule, since: Microversion? = nil, until: Microversion? = nil,
        _ handle: @escaping Handler
    ) -> Endpoint {
        Endpoint("DELETE", path, summary, access: .rule(rule), since: since, until: until, handle)
    }
}

extension Body {
    init(_ shape: Shape?) { self = shape.map { .json($0) } ?? .none }
}
