import API
import Base
import HTTP
import Policy

/// Older clients ask compute for what other services have: until 2.35 it asks them with the caller's own token, so what
/// somebody may is decided over there too.
enum Proxy {
    /// The last version that has them.
    static let last: Microversion = "2.35"

    static let endpoints: [Endpoint<Compute>] = [
        ImageProxy.endpoints, ImageMetadataProxy.endpoints, NetworkProxy.endpoints, FloatingIPProxy.endpoints,
        SecurityGroupProxy.endpoints, SecurityGroupRuleProxy.endpoints, VolumeProxy.endpoints,
        SnapshotProxy.endpoints, BareMetalProxy.endpoints,
    ].flatMap { $0 }
}

extension Call<Compute> {
    func image(_ method: String, _ path: String, _ body: JSON? = nil) async throws(Failure) -> JSON {
        try await service.neighbours.image.ask(method, "/v2" + path, body, token: caller.token).json
    }

    func network(_ method: String, _ path: String, _ body: JSON? = nil) async throws(Failure) -> JSON {
        try await service.neighbours.network.ask(method, "/v2.0" + path, body, token: caller.token).json
    }

    func volume(_ method: String, _ path: String, _ body: JSON? = nil) async throws(Failure) -> JSON {
        try await service.neighbours.volume.ask(method, "/v3" + path, body, token: caller.token).json
    }

    /// The piece of a list that `limit` and `offset` ask for.
    func piece<Thing>(of things: [Thing]) throws(Failure) -> [Thing] {
        let (limit, offset) = (try limit(), try query.integer("offset") ?? 0)
        guard offset >= 0 else { throw .field("offset", "must not be negative") }
        return Array(things.dropFirst(offset).prefix(limit))
    }

    /// An id for a path elsewhere: what is none there can't be found there.
    func uuid(_ parameter: String, absent: Failure) throws(Failure) -> String {
        guard UUID(self[parameter]) != nil else { throw absent }
        return self[parameter]
    }
}
