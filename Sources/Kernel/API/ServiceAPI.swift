package import Base
package import Policy

/// What checks tokens: identity itself in its own process, something that asks it in another.
package protocol Authenticator: Sendable {
    /// The caller behind a token. A token that has expired is taken only when a service vouches for it with its own.
    func caller(token: String, evenIfExpired: Bool) async throws(Failure) -> Caller
}

/// A service as the door knows it: its name, its way of speaking, and its endpoints.
package final class ServiceAPI: Sendable {
    /// `identity`: also its path behind the gateway.
    package let name: String
    /// What the catalog calls it, where that isn't its name.
    package let types: [String]
    /// The port that its users know.
    package let port: Int
    package let versions: VersionRange
    package let dialect: Dialect
    package let endpoints: [Entry]
    /// Rules that the endpoints' own are built upon. They are the service's: others may mean something else by a name.
    package let definitions: Policy.Definitions
    /// Whether a slash behind a path makes another path of it, as if a thing with no name were meant.
    let countsLastSlash: Bool
    /// Rules that no endpoint is let through by, but handlers ask: who sees a server's host.
    private let innerRules: [Rule]
    let router: Router<Int>

    /// An endpoint with its service inside.
    package final class Entry: Sendable {
        package let method: String
        package let path: String
        package let access: Access
        package let summary: String
        package let query: [Parameter]
        package let body: Body
        package let since: Microversion?
        package let until: Microversion?
        /// Whether it tells what there is, to everybody the same.
        let isSignpost: Bool
        /// Its place among the service's endpoints.
        let number: Int
        let respond: @Sendable (Exchange) async throws -> Reply

        fileprivate init<Service>(
            _ endpoint: Endpoint<Service>, at path: String, isSignpost: Bool = false, number: Int, _ service: Service
        ) {
            let handle = endpoint.handle
            self.path = path
            self.isSignpost = isSignpost
            self.number = number
            method = endpoint.method
            access = endpoint.access
            summary = endpoint.summary
            query = endpoint.query
            body = endpoint.body
            since = endpoint.since
            until = endpoint.until
            respond = { try await handle(Call(service: service, exchange: $0)) }
        }

        func exists(at version: Microversion) -> Bool {
            if let since, version < since { return false }
            if let until, version > until { return false }
            return true
        }
    }

    /// - Parameters:
    ///   - roots: what stands beside the versions: the discovery documents. They say the same to everybody who asks for
    ///     them by the same host and path.
    ///   - bases: where the endpoints stand, `/v3`; more than one where old clients use another spelling.
    package init<Service>(
        _ name: String, types: [String]? = nil, port: Int, versions: VersionRange, dialect: Dialect, service: Service,
        bases: [String], definitions: Policy.Definitions = [], innerRules: [Rule] = [], roots: [Endpoint<Service>],
        endpoints: [Endpoint<Service>],
        countsLastSlash: Bool = false
    ) {
        self.name = name
        self.types = types ?? [name]
        self.port = port
        self.versions = versions
        self.dialect = dialect
        self.definitions = definitions
        self.innerRules = innerRules
        self.countsLastSlash = countsLastSlash
        var entries: [Entry] = []
        var router = Router<Int>()
        for root in roots {
            router.add(root.method, root.path, entries.count)
            entries.append(Entry(root, at: root.path, isSignpost: true, number: entries.count, service))
        }
        for endpoint in endpoints {
            for base in bases { router.add(endpoint.method, base + endpoint.path, entries.count) }
            let path = (bases.first ?? "") + endpoint.path
            entries.append(Entry(endpoint, at: path, number: entries.count, service))
        }
        self.endpoints = entries
        self.router = router
    }

    /// The rules that the endpoints and their handlers name, once each.
    package var rules: [Rule] {
        var seen: Set<String> = []
        return (endpoints.flatMap(\.access.rules) + innerRules).filter { seen.insert($0.name).inserted }
    }
}
