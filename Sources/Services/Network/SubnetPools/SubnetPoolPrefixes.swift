import API
import Base
import HTTP
import Policy
import SQL

/// A pool's addresses, added to and taken from.
enum SubnetPoolPrefixes {
    private static let body: Shape = .object(
        Fields([.required("prefixes", .list(of: .text(1...64, format: .cidr), count: 1...1_000))], others: .allowed))

    static let endpoints: [Endpoint<Network>] = [
        action("add_prefixes", "Add prefixes to a subnet pool") { pool, given, _ in
            let family = pool.first?.family
            guard given.allSatisfy({ $0.family == family }) else {
                throw Failure.wrong("PrefixVersionMismatch", "Cannot mix IPv4 and IPv6 prefixes in a subnet pool.")
            }
            return pool + given
        },
        action("remove_prefixes", "Remove prefixes from a subnet pool") { pool, given, taken in
            guard !taken.contains(where: { one in given.contains { $0.overlaps(one) } }) else {
                throw Failure.wrong(
                    "IllegalSubnetPoolPrefixUpdate", "Illegal update to prefixes: a subnet was cut from one of them.")
            }
            return given.reduce(pool) { left, next in left.flatMap { $0.without(next) } }
        },
    ]

    private typealias Work =
        @Sendable (
            _ pool: [IPNetwork], _ given: [IPNetwork], _ taken: [IPNetwork]
        ) throws -> [IPNetwork]

    /// `PUT /subnetpools/{id}/VERB`
    private static func action(_ verb: String, _ summary: String, _ work: @escaping Work) -> Endpoint<Network> {
        Endpoint(
            "PUT", "/subnetpools/{id}/\(verb)", summary, access: .decided(by: Rule.named(verb)), body: .json(body)
        ) { call in
            let given = (call.body["prefixes"]?.array ?? []).compactMap { $0.string.flatMap { IPNetwork($0)?.network } }
            let prefixes = try await call.service.database.write { tx in
                let desk = Desk(tx, call.service, call)
                let pool = try desk.visible(.subnetPool, call["id"])
                try desk.require(verb, of: try desk.target(.subnetPool, pool))
                let taken = try desk.rows(.subnet, where: "subnetpool_id = \(pool.id)")
                let left = try work(
                    networks(pool.texts("prefixes")), given, networks(taken.compactMap { $0.text("cidr") }))
                let spelled: JSON = .strings(IPNetwork.joined(left).map(\.description))
                try desk.change(.subnetPool, pool.id, Document([.init(name: "prefixes", value: spelled)]))
                return spelled
            }
            return .json { $0.put("prefixes", prefixes) }
        }
    }

    private static func networks(_ texts: [String]) -> [IPNetwork] { texts.compactMap { IPNetwork($0) } }
}

extension IPNetwork {
    /// What is left of it without another.
    fileprivate func without(_ other: IPNetwork) -> [IPNetwork] {
        guard overlaps(other) else { return [self] }
        guard other.prefix > prefix, let low = IPNetwork(first, prefix: prefix + 1),
            let high = IPNetwork(low.last.advanced(by: 1), prefix: prefix + 1)
        else { return [] }
        return low.without(other) + high.without(other)
    }
}
