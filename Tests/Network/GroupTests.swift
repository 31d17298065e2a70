import Base
import CloudTesting
import Contracts
import SQL
import Testing

@testable import Network

/// What new security groups start with.
@Suite struct DefaultRuleTests {
    private let path = "/default-security-group-rules"

    @Test func groupsStartWithWhatIsChosen() async throws {
        let talk = try await NetworkTalk()
        let rule: JSON = [
            "default_security_group_rule": [
                "direction": "ingress", "protocol": "tcp", "port_range_min": 22, "port_range_max": 22,
                "used_in_non_default_sg": true,
            ]
        ]
        #expect(await talk.post(path, rule, as: .member).status == 403)
        let made = await talk.post(path, rule, as: .admin)
        #expect(made.status == 201)
        #expect(await talk.post(path, rule, as: .admin).status == 409)
        let group = await talk.make("security_group", at: "/security-groups", ["name": "web"])
        let rules = group["security_group_rules"]?.array ?? []
        #expect(rules.count == 3)
        #expect(rules.contains { $0["port_range_min"] == 22 && $0["belongs_to_default_sg"] == false })
        let id = made["default_security_group_rule"]?["id"]?.string ?? ""
        #expect(await talk.delete("\(path)/\(id)", as: .admin).status == 204)
        let other = await talk.make("security_group", at: "/security-groups", ["name": "other"])
        #expect(other["security_group_rules"]?.array?.count == 2)
    }

    @Test func aDefaultGroupLetsItsOwnIn() async throws {
        let talk = try await NetworkTalk()
        let groups = await talk.get("/security-groups?name=default")["security_groups"]?.array ?? []
        let rules = groups.first?["security_group_rules"]?.array ?? []
        #expect(rules.count == 4)
        #expect(rules.filter { $0["remote_group_id"] == groups.first?["id"] }.count == 2)
        #expect(rules.allSatisfy { $0["belongs_to_default_sg"] == true })
    }
}

/// Addresses by one name.
@Suite struct AddressGroupTests {
    @Test func aRuleSpeaksOfAGroupThatChanges() async throws {
        let talk = try await NetworkTalk()
        let group = await talk.make(
            "address_group", at: "/address-groups", ["name": "offices", "addresses": ["10.1.0.5/16", "10.1.0.0/16"]])
        #expect(group["addresses"] == ["10.1.0.0/16"])
        let id = group["id"]?.string ?? ""
        let more: JSON = ["addresses": ["192.0.2.0/24"]]
        let grown = await talk.put("/address-groups/\(id)/add_addresses", more)
        #expect(grown["address_group"]?["addresses"] == ["10.1.0.0/16", "192.0.2.0/24"])
        #expect(await talk.put("/address-groups/\(id)/add_addresses", more).errorType == "AddressesAlreadyExist")
        let unknown: JSON = ["addresses": ["198.51.100.0/24"]]
        #expect(await talk.put("/address-groups/\(id)/remove_addresses", unknown).status == 404)
        #expect(await talk.put("/address-groups/\(id)/add_addresses", ["addresses": ["nowhere"]]).status == 400)

        let web = await talk.make("security_group", at: "/security-groups", ["name": "web"])["id"] ?? .null
        let rule: JSON = [
            "security_group_rule": [
                "security_group_id": web, "direction": "ingress", "remote_address_group_id": .string(id),
            ]
        ]
        let made = await talk.post("/security-group-rules", rule)
        #expect(made.status == 201)
        #expect(await talk.delete("/address-groups/\(id)").errorType == "AddressGroupInUse")

        // Its host is told who is in it.
        let network = await talk.network()
        let port: JSON = [
            "network_id": .string(network), "security_groups": [web], "binding:host_id": "here",
            "device_owner": "compute:nova", "device_id": "x",
        ]
        #expect(await talk.post("/ports", ["port": port], as: .admin).status == 201)
        let wires = try await talk.service.database.read { try HostNetwork(of: "here", $0) }
        #expect(wires.groups.first { $0.id == id }?.members == ["10.1.0.0/16", "192.0.2.0/24"])
        #expect(wires.groups.contains { $0.rules.contains { $0.group == id } })
    }

    @Test func anotherProjectSeesItOnceItIsShared() async throws {
        let talk = try await NetworkTalk()
        let group = await talk.make("address_group", at: "/address-groups", ["name": "mine"])
        let id = group["id"] ?? .null
        #expect(await talk.get("/address-groups/\(id.string ?? "")", as: .stranger).status == 404)
        let grant: JSON = [
            "rbac_policy": [
                "object_type": "address_group", "object_id": id, "action": "access_as_shared", "target_tenant": "*",
            ]
        ]
        #expect(await talk.post("/rbac-policies", grant, as: .admin).status == 201)
        #expect(await talk.get("/address-groups/\(id.string ?? "")", as: .stranger).status == 200)
        // Only who owns it is told that it could be changed.
        let name: JSON = ["address_group": ["name": "yours"]]
        #expect(await talk.put("/address-groups/\(id.string ?? "")", name, as: .stranger).status == 404)
        #expect(await talk.delete("/address-groups/\(id.string ?? "")", as: .stranger).status == 404)
        #expect(await talk.put("/address-groups/\(id.string ?? "")", name, as: .reader).status == 403)
    }

    @Test func addressesAreSaidWithTheirLength() async throws {
        let talk = try await NetworkTalk()
        for wrong in ["10.20.30.40", "this is no address", "10.0.0.0/33"] {
            let body: JSON = ["address_group": ["name": "g", "addresses": [.string(wrong)]]]
            #expect(await talk.post("/address-groups", body).status == 400, "\(wrong)")
        }
        let group = await talk.make(
            "address_group", at: "/address-groups", ["name": "g", "addresses": ["10.0.0.9/24"]])
        #expect(group["addresses"] == ["10.0.0.0/24"])
        let path = "/address-groups/\(group["id"]?.string ?? "")/add_addresses"
        #expect(await talk.put(path, ["addresses": ["10.20.30.40"]]).status == 400)
        let remove = path.replacing("add_", with: "remove_")
        #expect(await talk.put(remove, ["addresses": ["10.20.30.40"]]).status == 404)
        #expect(await talk.put(remove, ["addresses": ["this is no address"]]).status == 400)
    }
}

/// A network for who has none.
@Suite struct AutoTopologyTests {
    private let path = "/auto-allocated-topology/project-1"

    @Test func whoAsksForANetworkGetsOneAndTheSameAgain() async throws {
        let talk = try await NetworkTalk()
        try await talk.service.bootstrap(project: "admin-project")
        let trial = await talk.get(path + "?fields=dry-run")["auto_allocated_topology"]
        #expect(trial?["id"] == "dry-run=pass")
        #expect(await talk.get("/networks?name=auto_allocated_network")["networks"]?.array?.count == 0)

        let first = await talk.get(path)["auto_allocated_topology"]?["id"]
        let network = await talk.get("/networks/\(first?.string ?? "")")["network"]
        #expect(network?["subnets"]?.array?.count == 2)
        #expect(network?["project_id"] == "project-1")
        let router = await talk.get("/routers")["routers"]?.array?.first
        #expect(router?["external_gateway_info"]?["network_id"] != nil)
        #expect(await talk.get(path)["auto_allocated_topology"]?["id"] == first)
        #expect(await talk.get(path, as: .stranger).status == 403)

        #expect(await talk.delete(path).status == 204)
        #expect(await talk.get("/routers")["routers"]?.array?.count == 0)
        #expect(await talk.get("/subnets?name=auto_allocated_subnet_v4")["subnets"]?.array?.count == 0)
    }

    @Test func withoutDefaultPartsThereIsNone() async throws {
        let talk = try await NetworkTalk()
        #expect(await talk.get(path).errorType == "AutoAllocationFailure")
    }
}

@Suite struct FlavorTests {
    @Test func profilesStandBehindAFlavor() async throws {
        let talk = try await NetworkTalk()
        let flavor = await talk.make(
            "flavor", at: "/flavors", ["name": "fast", "service_type": "L3_ROUTER_NAT"], as: .admin)
        let empty: JSON = ["service_profile": ["driver": ""]]
        #expect(await talk.post("/service_profiles", empty, as: .admin).errorType == "ServiceProfileEmpty")
        let unknown: JSON = ["service_profile": ["driver": "other"]]
        #expect(await talk.post("/service_profiles", unknown, as: .admin).status == 404)
        let profile = await talk.make(
            "service_profile", at: "/service_profiles", ["metainfo": "{}"], as: .admin)
        let (flavorID, profileID) = (flavor["id"]?.string ?? "", profile["id"]?.string ?? "")
        let bond: JSON = ["service_profile": ["id": .string(profileID)]]
        #expect(await talk.post("/flavors/\(flavorID)/service_profiles", bond, as: .member).status == 403)
        #expect(await talk.post("/flavors/\(flavorID)/service_profiles", bond, as: .admin).status == 201)
        #expect(await talk.post("/flavors/\(flavorID)/service_profiles", bond, as: .admin).status == 409)
        let shown = await talk.get("/flavors/\(flavorID)")["flavor"]
        #expect(shown?["service_profiles"] == [.string(profileID)])
        #expect(await talk.delete("/service_profiles/\(profileID)", as: .admin).status == 409)
        #expect(await talk.delete("/flavors/\(flavorID)/service_profiles/\(profileID)", as: .admin).status == 204)
        #expect(await talk.delete("/service_profiles/\(profileID)", as: .admin).status == 204)
    }
}

/// What a host is told of the others.
@Suite struct PeerTests {
    @Test func aHostIsToldWhoIsBehindItsTunnels() async throws {
        let talk = try await NetworkTalk()
        let network = await talk.network()
        _ = await talk.subnet(on: network, "10.0.0.0/24")
        for (host, address) in [("east", "10.0.0.11"), ("west", "10.0.0.12")] {
            let port: JSON = [
                "network_id": .string(network), "fixed_ips": [["ip_address": .string(address)]],
                "binding:host_id": .string(host), "device_owner": "compute:nova", "device_id": .string(host),
            ]
            #expect(await talk.post("/ports", ["port": port], as: .admin).status == 201)
        }
        let alone = try await talk.service.database.read { try HostNetwork(of: "east", $0) }
        #expect(alone.networks.first?.peers == [])
        try await talk.service.database.write { tx in
            let agent: [(StaticString, String)] = [("east", "192.0.2.1"), ("west", "192.0.2.2")]
            for (host, end) in agent {
                try tx.run(
                    """
                    INSERT INTO network_agent (id, agent_type, program, topic, host, availability_zone, admin_state_up,
                    configurations, started_at, heartbeat_timestamp, seen_at)
                    VALUES (\(end), 'Linux bridge agent', 'p', 't', \(host.description), 'nova', 1,
                    \("{\"tunneling_ip\": \"\(end)\"}"), '', '', 0)
                    """)
            }
        }
        let told = try await talk.service.database.read { try HostNetwork(of: "east", $0) }
        let peers = told.networks.first?.peers ?? []
        #expect(peers.map(\.tunnel) == ["192.0.2.2"])
        #expect(peers.first?.ports.map(\.addresses) == [["10.0.0.12"]])
        // What others do with their own ports is none of its business.
        #expect(told.ports.map(\.host) == ["east"])
        #expect(try HostNetwork(told.json) == told)
    }
}

/// Addresses inside that a router answers for outside.
@Suite struct NDPProxyTests {
    @Test func anAddressIsProxiedWhereItsRouterLeadsOut() async throws {
        let talk = try await NetworkTalk()
        let outside = await talk.make("network", at: "/networks", ["router:external": true], as: .admin)["id"] ?? .null
        let scope = await talk.make(
            "address_scope", at: "/address-scopes", ["name": "s", "ip_version": 6, "shared": true], as: .admin)
        let pool = await talk.make(
            "subnetpool", at: "/subnetpools",
            [
                "name": "p", "prefixes": ["2001:db8::/48"], "default_prefixlen": 64, "shared": true,
                "address_scope_id": scope["id"] ?? .null,
            ], as: .admin)
        let cut = { (network: JSON, persona: Persona) in
            let wish: JSON = ["network_id": network, "ip_version": 6, "subnetpool_id": pool["id"] ?? .null]
            return await talk.make("subnet", at: "/subnets", wish, as: persona)["id"] ?? .null
        }
        _ = await cut(outside, .admin)
        let inside = await talk.network()
        let subnet = await cut(.string(inside), .member)
        let router =
            await talk.make(
                "router", at: "/routers", ["external_gateway_info": ["network_id": outside]])["id"]?.string ?? ""
        _ = await talk.put("/routers/\(router)/add_router_interface", ["subnet_id": subnet])
        let port = await talk.port(on: inside)["port"]
        let wish: JSON = ["ndp_proxy": ["router_id": .string(router), "port_id": port?["id"] ?? .null]]
        #expect(await talk.post("/ndp_proxies", wish).errorType == "RouterNDPProxyNotEnable")
        _ = await talk.put("/routers/\(router)", ["router": ["enable_ndp_proxy": true]])
        let made = await talk.post("/ndp_proxies", wish)
        #expect(made.status == 201)
        let proxy = made["ndp_proxy"]
        #expect(proxy?["ip_address"] == port?["fixed_ips"]?.array?.first?["ip_address"])
        #expect(await talk.post("/ndp_proxies", wish).status == 409)
        let out: JSON = ["router": ["external_gateway_info": .null]]
        #expect(await talk.put("/routers/\(router)", out).errorType == "RouterGatewayInUseByNDPProxy")
        let unplug: JSON = ["subnet_id": subnet]
        let refused = await talk.put("/routers/\(router)/remove_router_interface", unplug)
        #expect(refused.errorType == "RouterInterfaceInUseByNDPProxy")
        #expect(await talk.delete("/ports/\(port?["id"]?.string ?? "")").status == 204)
        #expect(await talk.get("/ndp_proxies")["ndp_proxies"]?.array?.count == 0)
        #expect(await talk.put("/routers/\(router)/remove_router_interface", unplug).status == 200)
    }

    @Test func nothingIsProxiedWithoutAWayOutOfTheSameScope() async throws {
        let talk = try await NetworkTalk()
        let router = await talk.make("router", at: "/routers", ["name": "r"])["id"]?.string ?? ""
        let on: JSON = ["router": ["enable_ndp_proxy": true]]
        #expect(await talk.put("/routers/\(router)", on).errorType == "RouterGatewayNotValid")

        let outside = await talk.make("network", at: "/networks", ["router:external": true], as: .admin)["id"] ?? .null
        _ = await talk.subnet(on: outside.string ?? "", "2001:db8:0:1::/64", as: .admin)
        _ = await talk.put("/routers/\(router)", ["router": ["external_gateway_info": ["network_id": outside]]])
        #expect(await talk.put("/routers/\(router)", on).errorType == "RouterGatewayNotValid")
        let made: JSON = ["router": ["enable_ndp_proxy": true, "external_gateway_info": ["network_id": outside]]]
        #expect(await talk.post("/routers", made).errorType == "RouterGatewayNotValid")
        #expect(await talk.get("/routers")["routers"]?.array?.count == 1)
    }
}
