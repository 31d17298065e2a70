import Base
import SQL

/// Who tells machines on a network their addresses has a port there itself, on the host that does this work.
extension Desk {
    /// Makes that port what the network's subnets need now: one with an address in each that wants the service.
    func followSubnets(of network: String) throws(Failure) {
        guard !service.settings.host.isEmpty else { return }
        let wanted = try rows(
            .subnet, where: "network_id = \(network) AND enable_dhcp = 1", then: " ORDER BY created_at, id"
        ).map(\.id)
        let known = try documents(.port, where: "network_id = \(network) AND device_owner = \(DeviceOwner.dhcp)").first
        guard !wanted.isEmpty else {
            if let known { try removePort(known.id) }
            return
        }
        let wishes: JSON = .array(wanted.map { ["subnet_id": .string($0)] })
        if let known {
            guard Set(known.objects("fixed_ips").compactMap { $0.text("subnet_id") }) != Set(wanted) else { return }
            var changes = Document()
            changes["fixed_ips"] = wishes
            return try PortRows.update(&changes, known, self)
        }
        var port = Document()
        port["network_id"] = .string(network)
        port["tenant_id"] = .string(try get(.network, network).project)
        port["device_id"] = .string("dhcp-" + network)
        port["device_owner"] = .string(DeviceOwner.dhcp)
        port["binding:host_id"] = .string(service.settings.host)
        port["fixed_ips"] = wishes
        try make(.port, port)
    }
}
