import Base
import CloudTesting
import Testing

@testable import Network

@Suite struct SecurityGroupTests {
    let talk: NetworkTalk

    init() async throws { talk = try await NetworkTalk() }

    private func rule(_ body: JSON) async -> Answer {
        let group = await talk.get("/security-groups?name=default")["security_groups"]?.array?.first?["id"] ?? .null
        var rule = body.object ?? JSON.Object()
        rule["security_group_id"] = group
        return await talk.post("/security-group-rules", ["security_group_rule": .object(rule)])
    }

    @Test func everyProjectHasOneDefaultGroup() async {
        let groups = await talk.get("/security-groups")["security_groups"]?.array ?? []
        #expect(groups.count == 1)
        #expect(groups.first?["name"] == "default")
        #expect(groups.first?["security_group_rules"]?.array?.count == 4)
        #expect(await talk.get("/security-groups")["security_groups"]?.array?.count == 1)
        let twin = await talk.post("/security-groups", ["security_group": ["name": "default"]])
        #expect(twin.errorType == "SecurityGroupDefaultAlreadyExists")
    }

    @Test func aPortIsInTheDefaultGroupUnlessSomebodySaysOtherwise() async {
        let network = await talk.network()
        let group = await talk.get("/security-groups")["security_groups"]?.array?.first?["id"] ?? .null
        #expect(await talk.port(on: network)["port"]?["security_groups"] == .array([group]))
        let open = await talk.make(
            "port", at: "/ports", ["network_id": .string(network), "security_groups": []])
        #expect(open["security_groups"] == [])
        let path = "/security-groups/\(group.string ?? "")"
        #expect(await talk.delete(path).errorType == "SecurityGroupInUse")
    }

    @Test func rulesMakeSense() async {
        let good: JSON = ["direction": "ingress", "protocol": "tcp", "port_range_min": 22, "port_range_max": 22]
        #expect(await rule(good).status == 201)
        #expect(await rule(good).errorType == "SecurityGroupRuleExists")
        let wrong: [JSON] = [
            ["direction": "ingress", "protocol": "tcp", "port_range_min": 9, "port_range_max": 1],
            ["direction": "ingress", "port_range_min": 1, "port_range_max": 2],
            ["direction": "ingress", "ethertype": "IPX"],
            ["direction": "ingress", "protocol": "carrier-pigeon"],
            ["direction": "ingress", "remote_ip_prefix": "2001:db8::/64"],
            ["direction": "ingress", "protocol": "icmp", "port_range_max": 3],
            ["direction": "sideways"],
            ["direction": "ingress", "protocol": "ipv6-route"], ["direction": "ingress", "protocol": 43],
            ["direction": "ingress", "protocol": "58"],
        ]
        for body in wrong { #expect(await rule(body).status == 400, "\(body.text)") }
    }

    @Test func aRuleOfAnothersGroupIsNotToBeSeen() async {
        let id = await rule(["direction": "egress", "protocol": "udp"])["security_group_rule"]?["id"]?.string ?? ""
        #expect(await talk.get("/security-group-rules/\(id)", as: .stranger).status == 404)
        #expect(await talk.get("/security-group-rules/\(id)", as: .reader).status == 200)
        #expect(await talk.delete("/security-group-rules/\(id)", as: .reader).status == 403)
    }
}
