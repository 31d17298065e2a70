import Base
import CloudTesting
import SQL
import Testing

@testable import Network

@Suite struct RouterTests {
    let talk: NetworkTalk
    let network: String
    let subnet: JSON
    let router: String

    init() async throws {
        talk = try await NetworkTalk()
        network = await talk.network()
        subnet = await talk.subnet(on: network, "10.0.0.0/24")
        router = await talk.make("router", at: "/routers", ["name": "r"])["id"]?.string ?? ""
    }

    private func plug() async -> Answer {
        await talk.put("/routers/\(router)/add_router_interface", ["subnet_id": subnet["id"] ?? .null])
    }

    private func leadOut(_ external: String) async -> Answer {
        await talk.put(
            "/routers/\(router)", ["router": ["external_gateway_info": ["network_id": .string(external)]]])
    }

    @Test func aRouterTakesTheGatewaysAddressAndKeepsItsPort() async {
        let plugged = await plug()
        #expect(plugged.status == 200)
        #expect(plugged["subnet_id"] == subnet["id"])
        let id = plugged["port_id"]?.string ?? ""
        let port = await talk.get("/ports/\(id)")["port"]
        #expect(port?["device_owner"] == "network:router_interface")
        #expect(port?["fixed_ips"]?.array?.first?["ip_address"] == "10.0.0.1")
        #expect(await talk.delete("/ports/\(id)").errorType == "ServicePortInUse")
        #expect(await talk.delete("/routers/\(router)").errorType == "RouterInUse")
        #expect(await talk.delete("/subnets/\(subnet["id"]?.string ?? "")").errorType == "SubnetInUse")
        #expect(await talk.delete("/networks/\(network)").errorType == "NetworkInUse")

        let body: JSON = ["subnet_id": subnet["id"] ?? .null]
        #expect(await talk.put("/routers/\(router)/remove_router_interface", body).status == 200)
        #expect(await talk.put("/routers/\(router)/remove_router_interface", body).status == 404)
        #expect(await talk.delete("/routers/\(router)").status == 204)
        #expect(await talk.delete("/networks/\(network)").status == 204)
    }

    @Test func aRouterDoesNotJoinSubnetsThatOverlap() async {
        _ = await plug()
        #expect(await plug().status == 400)
        let other = await talk.network("other")
        let same = await talk.subnet(on: other, "10.0.0.0/25")
        let refused = await talk.put(
            "/routers/\(router)/add_router_interface", ["subnet_id": same["id"] ?? .null])
        #expect(refused.status == 400)
        #expect(refused.errorType == "BadRequest")
    }

    @Test func aRouterLeadsOutThroughExternalNetworksOnly() async {
        #expect(await leadOut(network).status == 400)
        #expect(await leadOut("7c2b5f8a-0000-4000-8000-000000000000").errorType == "NetworkNotFound")
        let external = await talk.external()
        let gateway = await leadOut(external)["router"]?["external_gateway_info"]
        #expect(gateway?["network_id"]?.string == external)
        #expect(gateway?["external_fixed_ips"]?.array?.count == 1)
        let gone = await talk.put("/routers/\(router)", ["router": ["external_gateway_info": [:]]])
        #expect(gone["router"]?["external_gateway_info"] == .null)
    }

    @Test func aWayOutThatHasNoSubnetYetIsThereWithoutAnAddress() async {
        let bare =
            await talk.make("network", at: "/networks", ["router:external": true], as: .admin)["id"]?.string ?? ""
        let gateway = await leadOut(bare)["router"]?["external_gateway_info"]
        #expect(gateway?["network_id"]?.string == bare)
        #expect(gateway?["external_fixed_ips"] == [])
    }

    @Test func aFloatingIPStandsForAPortThatARouterReaches() async {
        let external = await talk.external()
        let port = await talk.port(on: network)["port"]?["id"] ?? .null
        let body: JSON = ["floatingip": ["floating_network_id": .string(external), "port_id": port]]
        #expect(await talk.post("/floatingips", body).errorType == "ExternalGatewayForFloatingIPNotFound")
        _ = await plug()
        _ = await leadOut(external)

        let made = await talk.post("/floatingips", body)
        #expect(made.status == 201)
        let floating = made["floatingip"]
        #expect(floating?["status"] == "ACTIVE")
        #expect(floating?["router_id"]?.string == router)
        #expect(floating?["fixed_ip_address"] == "10.0.0.2")
        #expect(await talk.post("/floatingips", body).errorType == "FloatingIPPortAlreadyAssociated")
        #expect(
            await talk.put("/routers/\(router)/remove_router_interface", ["subnet_id": subnet["id"] ?? .null]).errorType
                == "RouterInterfaceInUseByFloatingIP")

        #expect(await talk.delete("/ports/\(port.string ?? "")").status == 204)
        let path = "/floatingips/\(floating?["id"]?.string ?? "")"
        let left = await talk.get(path)["floatingip"]
        #expect(left?["port_id"] == .null)
        #expect(left?["status"] == "DOWN")
        #expect(await talk.delete(path).status == 204)
        #expect(await talk.get("/ports?network_id=\(external)", as: .admin)["ports"]?.array?.count == 1)
    }

    @Test func aFloatingIPStandsForItsOwnProjectsPorts() async {
        let external = await talk.external()
        _ = await plug()
        _ = await leadOut(external)
        let theirs: JSON = ["network_id": .string(network), "project_id": "project-2"]
        let port = await talk.make("port", at: "/ports", theirs, as: .admin)["id"] ?? .null
        let body: JSON = ["floatingip": ["floating_network_id": .string(external), "port_id": port]]
        #expect(await talk.post("/floatingips", body).errorType == "BadRequest")
        #expect(await talk.post("/floatingips", body, as: .admin).status == 201)
    }

    @Test func aFloatingIPIsDownWhileItsRouterIsOnNoHost() async throws {
        let (external, port) = (await talk.external(), await talk.port(on: network)["port"]?["id"] ?? .null)
        _ = await plug()
        _ = await leadOut(external)
        let body: JSON = ["floatingip": ["floating_network_id": .string(external), "port_id": port]]
        let id = await talk.post("/floatingips", body)["floatingip"]?["id"]?.string ?? ""
        let now = talk.service.world.now
        try await talk.service.database.write { tx in
            try tx.insert(
                into: "network_agent",
                [
                    "id": "agent", "agent_type": "L3 agent", "program": "p", "topic": "t", "host": "elsewhere",
                    "availability_zone": "nova", "admin_state_up": true, "configurations": "{}", "started_at": "",
                    "heartbeat_timestamp": "", "seen_at": now.microseconds,
                ])
        }
        let status = { await talk.get("/floatingips/\(id)")["floatingip"]?["status"] }
        let (agent, agents) = ("/agents/agent/l3-routers", "/routers/\(router)/l3-agents")
        let given = await talk.post(agent, ["router_id": .string(router)], as: .admin)
        #expect(given.status == 201)
        #expect(await status() == "ACTIVE")
        #expect(await talk.delete("\(agent)/\(router)", as: .admin).status == 204)
        #expect(await status() == "DOWN")
        #expect(await talk.get(agents, as: .admin)["agents"]?.array?.isEmpty == true)
        _ = await talk.post(agent, ["router_id": .string(router)], as: .admin)
        #expect(await status() == "ACTIVE")
    }

    @Test func aFloatingIPMayBeGivenToARouterFurtherOut() async {
        let (external, elsewhere) = (await talk.external(), await talk.network("elsewhere"))
        _ = await talk.subnet(on: elsewhere, "10.1.0.0/24")
        let port = await talk.port(on: elsewhere)["port"]?["id"] ?? .null
        let wish: JSON = [
            "floatingip": ["floating_network_id": .string(external), "port_id": port, "router_id": .string(router)]
        ]
        _ = await plug()
        #expect(await talk.post("/floatingips", wish).status == 409)
        _ = await leadOut(external)
        let made = await talk.post("/floatingips", wish)
        #expect(made.status == 201, "\(made.text)")
        #expect(made["floatingip"]?["router_id"]?.string == router)
        #expect(made["floatingip"]?["fixed_ip_address"] == "10.1.0.2")
        let path = "/floatingips/\(made["floatingip"]?["id"]?.string ?? "")"
        let nowhere: JSON = ["floatingip": ["router_id": "00000000-0000-4000-8000-000000000000"]]
        #expect(await talk.put(path, nowhere).status == 404)
        #expect(await talk.put(path, ["floatingip": ["port_id": .null]])["floatingip"]?["router_id"] == .null)
    }

    @Test func aRouteNeedsANextHopThatTheRouterReaches() async {
        _ = await plug()
        let far: JSON = ["router": ["routes": [["destination": "10.9.0.0/24", "nexthop": "10.8.0.1"]]]]
        #expect(await talk.put("/routers/\(router)", far).errorType == "InvalidRoutes")
        let near: JSON = ["router": ["routes": [["destination": "10.9.0.0/24", "nexthop": "10.0.0.9"]]]]
        #expect(await talk.put("/routers/\(router)", near)["router"]?["routes"]?.array?.count == 1)
    }
}
