import Base
import SQL

/// The way out: a router's port on an external network.
extension Desk {
    /// Makes the gateway what is wished for; nothing, or an object without members, is none.
    func setGateway(of router: Document, _ wish: JSON.Object?) throws(Failure) {
        let current = try router.text("gateway_port_id").flatMap { id throws(Failure) in try find(.port, id) }
        guard let wish, let network = wish.text("network_id") else {
            if let current { try removeGateway(current, of: router) }
            return
        }
        try requireExternal(network)
        if let current, current.text("network_id") == network {
            if wish.has("external_fixed_ips") { try moveGateway(current, wish) }
        } else {
            if let current { try removeGateway(current, of: router) }
            try addGateway(to: router, on: network, wish)
        }
        let isTranslating = wish.boolean("enable_snat") ?? true
        try tx.run("UPDATE network_router SET enable_snat = \(isTranslating) WHERE id = \(router.id)")
    }

    private func requireExternal(_ id: String) throws(Failure) {
        let network = try visible(.network, id)
        guard network.flag("router:external") else {
            throw .badRequest("router", "Network \(id) is not an external network")
        }
    }

    private func addGateway(to router: Document, on network: String, _ wish: JSON.Object) throws(Failure) {
        let inside = try interfaceSubnets(of: router.id)
        var port = Document()
        port["network_id"] = .string(network)
        port["device_id"] = .string(router.id)
        port["device_owner"] = .string(DeviceOwner.routerGateway)
        port["binding:host_id"] = .string(service.settings.host)
        if !wish.objects("external_fixed_ips").isEmpty { port["fixed_ips"] = wish["external_fixed_ips"] }
        // On a network that has no subnet yet it is there without an address.
        let made = try make(.port, port)
        let outside = try subnets(of: network)
        for one in outside { try requireApart(one, from: inside) }
        try tx.run("UPDATE network_router SET gateway_port_id = \(made.id) WHERE id = \(router.id)")
    }

    private func moveGateway(_ port: Document, _ wish: JSON.Object) throws(Failure) {
        var changes = Document()
        changes["fixed_ips"] = wish["external_fixed_ips"]
        try PortRows.update(&changes, port, self)
    }

    private func removeGateway(_ port: Document, of router: Document) throws(Failure) {
        guard try !tx.exists("SELECT 1 FROM network_floatingip WHERE router_id = \(router.id)") else {
            throw .clash(
                "RouterExternalGatewayInUseByFloatingIp",
                "Gateway cannot be updated for router \(router.id), since a gateway to external network \(port.text("network_id") ?? "") is required by one or more floating IPs."
            )
        }
        try requireNoProxies(on: router.id)
        try tx.run("UPDATE network_router SET gateway_port_id = NULL WHERE id = \(router.id)")
        try removePort(port.id)
    }
}
