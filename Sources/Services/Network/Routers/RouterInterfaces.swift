import API
import Base
import HTTP
import Policy
import SQL

/// What a router is plugged into inside of the cloud.
enum RouterInterfaces {
    private static let body: Shape = .object(
        Fields(
            [.optional("subnet_id", .uuid), .optional("port_id", .uuid), .optional("router", .any)], others: .allowed))
    private static let routes: Shape = .wrapped(
        "router", [.required("routes", .list(of: SubnetRows.route, count: 0...30))], others: .allowed)

    static let endpoints: [Endpoint<Network>] = [
        action("add_router_interface", "Plug a router into a subnet or port", body) { try $1.addInterface(to: $0, $2) },
        action("remove_router_interface", "Unplug a router from a subnet or port", body) {
            try $1.removeInterface(of: $0, $2)
        },
        action("add_extraroutes", "Add routes to a router", routes) { router, desk, body in
            let more = body["router"]?["routes"]?.array ?? []
            let kept = (router["routes"]?.array ?? []).filter { !more.contains($0) }
            return try setRoutes(kept + more, of: router, desk)
        },
        action("remove_extraroutes", "Remove routes from a router", routes) { router, desk, body in
            let less = body["router"]?["routes"]?.array ?? []
            return try setRoutes((router["routes"]?.array ?? []).filter { !less.contains($0) }, of: router, desk)
        },
    ]

    private static func setRoutes(_ routes: [JSON], of router: Document, _ desk: Desk) throws(Failure) -> Document {
        try desk.requireReachable(routes.compactMap(\.object), from: router.id)
        var changes = Document()
        changes["routes"] = .array(routes)
        try desk.change(.router, router.id, changes)
        let changed = try desk.get(.router, router.id)
        let names = ["id", "name", "tenant_id", "routes"]
        return Document([
            .init(name: "router", value: .object(Document(changed.members.filter { names.contains($0.name) })))
        ])
    }

    /// `PUT /routers/{id}/VERB`
    private static func action(
        _ verb: String, _ summary: String, _ shape: Shape,
        _ work: @escaping @Sendable (_ router: Document, _ desk: Desk, _ body: JSON) throws -> Document
    ) -> Endpoint<Network> {
        Endpoint(
            "PUT", "/routers/{id}/\(verb)", summary, access: .decided(by: Rule.named(verb)), body: .json(shape)
        ) { call in
            let reply = try await call.service.database.write { tx in
                let desk = Desk(tx, call.service, call)
                let router = try desk.visible(.router, call["id"])
                try desk.require(verb, of: try desk.target(.router, router))
                let reply = try work(router, desk, call.body)
                try desk.touch(.router, router.id)
                return reply
            }
            return .json { json in for member in reply.members { json.put(member.name, member.value) } }
        }
    }
}

extension Desk {
    func interfaces(of router: String) throws(Failure) -> [Document] {
        try documents(.port, where: "device_id = \(router) AND device_owner = \(DeviceOwner.routerInterface)")
    }

    func interfaceSubnets(of router: String) throws(Failure) -> [Subnet] {
        try rows(
            .subnet,
            where: """
                id IN (SELECT a.subnet_id FROM network_address a JOIN network_port p ON p.id = a.port_id
                WHERE p.device_id = \(router) AND p.device_owner = \(DeviceOwner.routerInterface))
                """
        ).compactMap { Subnet($0) }
    }

    /// A router can only tell subnets apart whose addresses differ.
    func requireApart(_ subnet: Subnet, from others: [Subnet]) throws(Failure) {
        for other in others {
            guard other.id != subnet.id else {
                throw .badRequest("router", "Router already has a port on subnet \(subnet.id)")
            }
            guard !other.cidr.overlaps(subnet.cidr) else {
                throw .badRequest(
                    "router",
                    "Cidr \(subnet.cidr) of subnet \(subnet.id) overlaps with cidr \(other.cidr) of subnet \(other.id)")
            }
        }
    }

    func requireReachable(_ routes: [JSON.Object], from router: String) throws(Failure) {
        var known = try interfaceSubnets(of: router)
        let gateway = try get(.router, router)["external_gateway_info"]?["network_id"]?.string
        if let gateway { known += try subnets(of: gateway) }
        let own = Set(
            try interfaces(of: router).flatMap { $0.objects("fixed_ips") }.compactMap { $0.text("ip_address") })
        for route in routes {
            let nexthop = route.text("nexthop") ?? ""
            guard let address = IPAddress(nexthop), known.contains(where: { $0.cidr.contains(address) }) else {
                throw .wrong(
                    "InvalidRoutes",
                    "Invalid format for routes: [\(JSON.object(route).text)], the nexthop is not connected with router")
            }
            guard !own.contains(nexthop) else {
                throw .wrong(
                    "InvalidRoutes",
                    "Invalid format for routes: [\(JSON.object(route).text)], the nexthop is used by router")
            }
        }
    }

    // MARK: Plugging in

    func addInterface(to router: Document, _ body: JSON) throws(Failure) -> Document {
        let taken = try interfaceSubnets(of: router.id)
        switch (body["port_id"]?.string, body["subnet_id"]?.string) {
        case (let port?, nil): return try addInterface(port: port, to: router, besides: taken)
        case (nil, let subnet?): return try addInterface(subnet: subnet, to: router, besides: taken)
        case (nil, nil): throw .badRequest("router", "Either subnet_id or port_id must be specified")
        default: throw .badRequest("router", "Cannot specify both subnet-id and port-id")
        }
    }

    private func addInterface(
        port id: String, to router: Document, besides taken: [Subnet]
    ) throws(Failure) -> Document {
        let port = try visible(.port, id)
        guard port.text("device_id") == "" else {
            throw .clash(
                "PortInUse",
                "Unable to complete operation on port \(id) for network \(port.text("network_id") ?? ""). Port already has an attached device \(port.text("device_id") ?? "")."
            )
        }
        let ids = port.objects("fixed_ips").compactMap { $0.text("subnet_id") }
        guard !ids.isEmpty else { throw .badRequest("router", "Router port must have at least one fixed IP") }
        let subnets = try subnets(of: port.text("network_id") ?? "").filter { ids.contains($0.id) }
        guard subnets.count(where: { $0.cidr.family == .v4 }) <= 1 else {
            throw .badRequest("router", "Cannot have multiple IPv4 subnets on router port")
        }
        for subnet in subnets { try requireApart(subnet, from: taken) }
        try tx.run(
            """
            UPDATE network_port SET device_id = \(router.id), device_owner = \(DeviceOwner.routerInterface),
            port_security_enabled = 0 WHERE id = \(id)
            """)
        try setGroups([], of: id)
        try touch(.port, id)
        return try answer(router, try get(.port, id), ids)
    }

    private func addInterface(
        subnet id: String, to router: Document, besides taken: [Subnet]
    ) throws(Failure) -> Document {
        let document = try visible(.subnet, id)
        guard let subnet = Subnet(document), let gateway = subnet.gateway else {
            throw .badRequest("router", "Subnet for router interface must have a gateway IP")
        }
        try requireApart(subnet, from: taken)
        let wish: JSON = ["subnet_id": .string(id), "ip_address": .string(gateway.description)]
        let network = document.text("network_id") ?? ""
        if subnet.cidr.family == .v6, let port = try sixthInterface(of: router.id, on: network) {
            var changes = Document()
            changes["fixed_ips"] = .array((port["fixed_ips"]?.array ?? []) + [wish])
            try PortRows.update(&changes, port, self)
            return try answer(router, port, [id])
        }
        var port = Document()
        port["network_id"] = .string(network)
        port["tenant_id"] = .string(router.project)
        port["device_id"] = .string(router.id)
        port["device_owner"] = .string(DeviceOwner.routerInterface)
        port["binding:host_id"] = .string(service.settings.host)
        port["fixed_ips"] = [wish]
        return try answer(router, try make(.port, port), [id])
    }

    /// All IPv6 subnets of a network share one interface.
    private func sixthInterface(of router: String, on network: String) throws(Failure) -> Document? {
        try interfaces(of: router).first { port in
            port.text("network_id") == network
                && port.objects("fixed_ips").allSatisfy { $0.text("ip_address")?.contains(":") ?? false }
        }
    }

    private func answer(_ router: Document, _ port: Document, _ subnets: [String]) throws(Failure) -> Document {
        Document([
            .init(name: "id", value: .string(router.id)), .init(name: "tenant_id", value: .string(router.project)),
            .init(name: "project_id", value: .string(router.project)),
            .init(name: "port_id", value: .string(port.id)),
            .init(name: "network_id", value: port["network_id"] ?? .null),
            .init(name: "subnet_id", value: .optional(subnets.first)),
            .init(name: "subnet_ids", value: .strings(subnets)),
            .init(name: "tags", value: .strings(router.texts("tags"))),
        ])
    }

    // MARK: Unplugging

    func removeInterface(of router: Document, _ body: JSON) throws(Failure) -> Document {
        let all = try interfaces(of: router.id)
        let subnet = body["subnet_id"]?.string
        if let id = body["port_id"]?.string {
            guard let port = all.first(where: { $0.id == id }) else {
                throw .missing(
                    "RouterInterfaceNotFound", "Router \(router.id) does not have an interface with id \(id)")
            }
            let subnets = port.objects("fixed_ips").compactMap { $0.text("subnet_id") }
            if let subnet, !subnets.contains(subnet) {
                throw .wrong(
                    "SubnetMismatchForPort", "Subnet on port \(id) does not match the requested subnet \(subnet).")
            }
            for subnet in subnets { try requireUnneeded(subnet, router.id) }
            try removePort(id)
            return try answer(router, port, subnets)
        }
        guard let subnet else { throw .badRequest("router", "Either subnet_id or port_id must be specified") }
        _ = try visible(.subnet, subnet)
        let port = all.first { $0.objects("fixed_ips").contains { $0.text("subnet_id") == subnet } }
        guard let port else {
            throw .missing(
                "RouterInterfaceNotFoundForSubnet", "Router \(router.id) has no interface on subnet \(subnet)")
        }
        try requireUnneeded(subnet, router.id)
        if port.objects("fixed_ips").count > 1 {
            try tx.run("DELETE FROM network_address WHERE port_id = \(port.id) AND subnet_id = \(subnet)")
        } else {
            try removePort(port.id)
        }
        return try answer(router, port, [subnet])
    }

    private func requireUnneeded(_ subnet: String, _ router: String) throws(Failure) {
        let floating: SQL = """
            SELECT 1 FROM network_floatingip f
            JOIN network_address a ON a.port_id = f.port_id AND a.address = f.fixed_ip_address
            WHERE f.router_id = \(router) AND a.subnet_id = \(subnet)
            """
        guard try !tx.exists(floating) else {
            throw .clash(
                "RouterInterfaceInUseByFloatingIP",
                "Router interface for subnet \(subnet) on router \(router) cannot be deleted, as it is required by one or more floating IPs."
            )
        }
        try requireNoProxies(on: router, of: subnet)
        let network = try find(.subnet, subnet)?.text("cidr").flatMap { IPNetwork($0) }
        let hops = try get(.router, router).objects("routes").compactMap {
            $0.text("nexthop").flatMap { IPAddress($0) }
        }
        guard let network, hops.contains(where: { network.contains($0) }) else { return }
        throw .clash(
            "RouterInterfaceInUseByRoute",
            "Router interface for subnet \(subnet) on router \(router) cannot be deleted, as it is required by one or more routes."
        )
    }
}
