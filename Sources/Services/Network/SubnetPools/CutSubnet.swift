import Base
import SQL

extension Desk {
    /// Gives a subnet that is to come from a pool its addresses.
    func cutSubnet(_ draft: inout Document) throws(Failure) {
        let pool = try visible(.subnetPool, draft.text("subnetpool_id") ?? "")
        let version = draft.integer("ip_version") ?? 4
        guard pool.integer("ip_version") == version else {
            throw .badRequest(
                "subnets", "Cannot allocate IPv\(version) subnet from IPv\(pool.integer("ip_version") ?? 0) subnet pool"
            )
        }
        let wanted = draft.text("cidr").flatMap { IPNetwork($0) }
        let length = wanted?.prefix ?? draft.integer("prefixlen") ?? pool.integer("default_prefixlen") ?? 0
        try requireLength(length, pool)
        let taken = try rows(.subnet, where: "subnetpool_id = \(pool.id)").compactMap {
            $0.text("cidr").flatMap { IPNetwork($0) }
        }
        try requirePoolQuota(pool, length, draft.project)
        let prefixes = pool.texts("prefixes").compactMap { IPNetwork($0) }
        let free =
            wanted.map { SubnetPoolSpace(prefixes, taken).isFree($0) ? $0 : nil }
            ?? SubnetPoolSpace(prefixes, taken).first(length)
        guard let free else {
            throw .clash(
                "SubnetAllocationError",
                "Failed to allocate subnet: Insufficient prefix space to allocate subnet size /\(length).")
        }
        draft["cidr"] = .string(free.description)
    }

    private func requireLength(_ length: Int, _ pool: Document) throws(Failure) {
        let least = pool.integer("min_prefixlen") ?? 0
        let most = pool.integer("max_prefixlen") ?? 128
        guard length >= least else {
            throw .wrong(
                "MinPrefixSubnetAllocationError",
                "Unable to allocate subnet with prefix length \(length), minimum allowed prefix is \(least).")
        }
        guard length <= most else {
            throw .wrong(
                "MaxPrefixSubnetAllocationError",
                "Unable to allocate subnet with prefix length \(length), maximum allowed prefix is \(most).")
        }
    }

    /// A project's share: counted in addresses of IPv4, in networks of /64 of IPv6.
    private func requirePoolQuota(_ pool: Document, _ length: Int, _ project: String) throws(Failure) {
        guard let quota = pool.integer("default_quota") else { return }
        let unit = pool.integer("ip_version") == 4 ? 32 : 64
        let size = { (prefix: Int) in prefix > unit ? 1.0 : Double(UInt128(1) << UInt128(min(unit - prefix, 100))) }
        let own = try rows(.subnet, where: "subnetpool_id = \(pool.id) AND project_id = \(project)").compactMap {
            $0.text("cidr").flatMap { IPNetwork($0)?.prefix }
        }
        guard own.map(size).reduce(size(length), +) <= Double(quota) else {
            throw Failure(.overQuota, "Per-project subnet pool prefix quota exceeded.", name: "SubnetPoolQuotaExceeded")
        }
    }
}

/// What is left of a pool.
struct SubnetPoolSpace {
    let prefixes: [IPNetwork]
    let taken: [IPNetwork]

    init(_ prefixes: [IPNetwork], _ taken: [IPNetwork]) {
        self.prefixes = prefixes
        self.taken = taken.sorted { $0.first < $1.first }
    }

    func isFree(_ network: IPNetwork) -> Bool {
        prefixes.contains { $0.prefix <= network.prefix && $0.contains(network.first) }
            && !taken.contains { $0.overlaps(network) }
    }

    /// The first network of that length, jumping over what is taken.
    func first(_ length: Int) -> IPNetwork? {
        for prefix in prefixes where prefix.prefix <= length {
            let size = UInt128(1) << UInt128(prefix.family.bits - length)
            var start = prefix.first
            while prefix.contains(start), let candidate = IPNetwork(start, prefix: length) {
                guard let obstacle = taken.first(where: { $0.overlaps(candidate) }) else { return candidate }
                let next = obstacle.last.number.addingReportingOverflow(1)
                guard !next.overflow else { break }
                // Back onto the grid of networks of this length.
                start = IPAddress(prefix.family, (next.partialValue + size - 1) / size * size)
            }
        }
        return nil
    }
}
