import API
import Base
import SQL

extension Resource {
    /// An NDP proxy: an IPv6 address inside that a router answers for outside, so that it is reached there as it is.
    static let ndpProxy: Resource = Resource(
        "ndp_proxy", "ndp_proxies", table: "network_ndp_proxy",
        missing: { .missing("NDPProxyNotFound", "Ndp proxy \($0) could not be found.") },
        attributes: [
            .id, .name, .project,
            Attribute("router_id", .text, set: .create, .uuid, or: .required),
            Attribute("port_id", .text, set: .create, .uuid, or: .required),
            Attribute(
                "ip_address", .text, set: .create, .nullable(.text(1...64, format: .ipAddress)), or: .value(.null),
                as: Normal.address),
        ] + Attribute.standard,
        create: NDPProxyRows.create)
}

enum NDPProxyRows {
    static let created = Migration(
        "create ndp proxy",
        """
        CREATE TABLE network_ndp_proxy (
            id              VARCHAR(36)  NOT NULL PRIMARY KEY,
            project_id      VARCHAR(255) NOT NULL,
            name            VARCHAR(255) NOT NULL,
            router_id       VARCHAR(36)  NOT NULL,
            port_id         VARCHAR(36)  NOT NULL,
            ip_address      VARCHAR(64)  NOT NULL,
            description     VARCHAR(255) NOT NULL,
            created_at      BIGINT       NOT NULL,
            updated_at      BIGINT       NOT NULL,
            revision_number BIGINT       NOT NULL,
            UNIQUE (router_id, ip_address)
        )
        """,
        "CREATE INDEX network_ndp_proxy_port ON network_ndp_proxy (port_id)",
        "ALTER TABLE network_router ADD COLUMN enable_ndp_proxy BOOLEAN NOT NULL DEFAULT 0")

    static func create(_ draft: inout Document, _ desk: Desk) throws(Failure) {
        let router = try desk.visible(.router, draft.text("router_id") ?? "")
        let port = try desk.visible(.port, draft.text("port_id") ?? "")
        guard router.flag("enable_ndp_proxy") else {
            throw .clash(
                "RouterNDPProxyNotEnable",
                "The enable_ndp_proxy parameter of router \(router.id) must be set as True while create ndp proxy entry on it."
            )
        }
        let address = try address(of: port, router, draft.text("ip_address"), desk)
        try requireOneScope(router, port, desk)
        draft["ip_address"] = .string(address)
        do throws(Failure) { try desk.insert(.ndpProxy, draft) } catch  where error.kind == .conflict {
            throw .clash("InvalidAddress", "The address \(address) is proxied by router \(router.id) already.")
        }
    }

    /// The port's address that the router is next to.
    private static func address(
        of port: Document, _ router: Document, _ wanted: String?, _ desk: Desk
    ) throws(Failure) -> String {
        let sixth = port.objects("fixed_ips").filter { $0.text("ip_address")?.contains(":") ?? false }
        guard !sixth.isEmpty else {
            throw .badRequest(
                "ndp_proxy", "Requested port \(port.id) must allocate one IPv6 address at least")
        }
        let near = Set(try desk.interfaceSubnets(of: router.id).map(\.id))
        if let wanted {
            guard let fixed = sixth.first(where: { $0.text("ip_address") == wanted }),
                near.contains(fixed.text("subnet_id") ?? "")
            else {
                throw .wrong(
                    "InvalidAddress",
                    "The address \(wanted) is invalid, reason: it is no address of port \(port.id) that router \(router.id) reaches."
                )
            }
            return wanted
        }
        guard let fixed = sixth.first(where: { near.contains($0.text("subnet_id") ?? "") }) else {
            throw .clash(
                "PortUnreachableRouter",
                "The port \(port.id) cannot reach the router \(router.id) by IPv6 subnet.")
        }
        return fixed.text("ip_address") ?? ""
    }

    /// Where one address may mean two things, nothing is passed on as it is.
    private static func requireOneScope(_ router: Document, _ port: Document, _ desk: Desk) throws(Failure) {
        guard let outside = router["external_gateway_info"]?["network_id"]?.string else {
            throw .clash(
                "RouterGatewayNotValid", "Can not enable ndp proxy on router \(router.id), it has no gateway.")
        }
        let scope = { (network: String) throws(Failure) in
            try desk.get(.network, network)["ipv6_address_scope"] ?? .null
        }
        let (out, inside) = (try scope(outside), try scope(port.text("network_id") ?? ""))
        guard out == inside else {
            throw .clash(
                "AddressScopeConflict",
                "The IPv6 address scope \(out.plain) of external network conflict with internal network's IPv6 address scope \(inside.plain)."
            )
        }
    }
}

extension Desk {
    /// Addresses inside are answered for where the way out has IPv6 addresses that mean the same inside.
    func requireProxiable(_ router: String) throws(Failure) {
        let gateway = try get(.router, router).text("gateway_port_id")
        let network = try gateway.map { id throws(Failure) in try get(.port, id) }?.text("network_id")
        let hasSixth = try gateway.map { id throws(Failure) in try addresses(of: [id])[id] ?? [] }?
            .contains { $0.address.family == .v6 }
        let scope = try network.map { id throws(Failure) in try get(.network, id) }?.text("ipv6_address_scope")
        guard hasSixth == true, scope != nil else {
            throw .clash(
                "RouterGatewayNotValid",
                "Can not enable ndp proxy on router \(router), it has no gateway with an IPv6 address in an address scope."
            )
        }
    }

    /// What a port that goes away was proxied by goes too.
    func releaseProxies(of port: String) throws(Failure) {
        for proxy in try rows(.ndpProxy, where: "port_id = \(port)") { try remove(.ndpProxy, proxy.id) }
    }

    func requireNoProxies(on router: String, of subnet: String? = nil) throws(Failure) {
        guard let subnet else {
            guard try tx.exists("SELECT 1 FROM network_ndp_proxy WHERE router_id = \(router)") else { return }
            throw .clash(
                "RouterGatewayInUseByNDPProxy",
                "Unable to unset external gateway of router \(router), There are one or more ndp proxies still in use on the router."
            )
        }
        let used: SQL = """
            SELECT 1 FROM network_ndp_proxy n JOIN network_address a ON a.port_id = n.port_id
            AND a.address = n.ip_address WHERE n.router_id = \(router) AND a.subnet_id = \(subnet)
            """
        guard try tx.exists(used) else { return }
        throw .clash(
            "RouterInterfaceInUseByNDPProxy",
            "Unable to remove subnet \(subnet) from router \(router), There are one or more ndp proxies still in use on the subnet."
        )
    }
}
