package import Base
import SQL

extension Network {
    /// What people expect of a new cloud: a network by the name of `public` that leads out, and pools from which whoever
    /// just wants a network gets the addresses for it.
    ///
    /// - Parameter range: its addresses; best such as mean nothing anywhere else.
    package func bootstrap(project: String, range: String = "203.0.113.0/24") async throws(Failure) {
        try await database.write { tx in
            let desk = Desk(tx, self)
            var network = Document()
            network["name"] = "public"
            network["tenant_id"] = .string(project)
            network["router:external"] = true
            network["is_default"] = true
            network["provider:network_type"] = .string(SegmentType.flat.name)
            network["provider:physical_network"] = "public"
            let made = try desk.make(.network, network)
            var subnet = Document()
            subnet["name"] = "public-subnet"
            subnet["tenant_id"] = .string(project)
            subnet["network_id"] = .string(made.id)
            subnet["ip_version"] = 4
            subnet["cidr"] = .string(range)
            subnet["enable_dhcp"] = false
            try desk.make(.subnet, subnet)
            // Of one's own, as RFC 4193 wants it.
            let own = self.world.chance.next()
            let sixth = IPAddress(.v6, UInt128(0xFD) << 120 | UInt128(own & 0xFF_FFFF_FFFF) << 80)
            try self.makePool(4, "10.128.0.0/12", 24, project, desk)
            try self.makePool(6, "\(sixth)/48", 64, project, desk)
        }
    }

    private func makePool(
        _ version: Int, _ prefix: String, _ length: Int, _ project: String, _ desk: Desk
    ) throws(Failure) {
        var pool = Document()
        pool["name"] = .string("default-pool-v\(version)")
        pool["tenant_id"] = .string(project)
        pool["prefixes"] = [.string(prefix)]
        pool["default_prefixlen"] = .number(length)
        pool["is_default"] = true
        pool["shared"] = true
        try desk.make(.subnetPool, pool)
    }
}
