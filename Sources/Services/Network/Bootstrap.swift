package import Base
import SQL

extension Network {
    /// What people expect of a new cloud: a network by the name of `public` that leads out.
    ///
    /// - Parameter range: its addresses; best such as mean nothing anywhere else.
    package func bootstrap(project: String, range: String = "203.0.113.0/24") async throws(Failure) {
        try await database.write { tx in
            let desk = Desk(tx, self)
            var network = Document()
            network["name"] = "public"
            network["tenant_id"] = .string(project)
            network["router:external"] = true
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
        }
    }
}
