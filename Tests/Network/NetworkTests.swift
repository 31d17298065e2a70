import Base
import CloudTesting
import HTTP
import Testing

@testable import Network

@Suite struct NetworkTests {
    let talk: NetworkTalk

    init() async throws { talk = try await NetworkTalk() }

    @Test func aNetworkIsMadeShownChangedAndDeleted() async {
        let made = await talk.post("/networks", ["network": ["name": "inner"]])
        #expect(made.status == 201)
        let network = made["network"]
        #expect(network?["status"] == "ACTIVE")
        #expect(network?["mtu"] == 1450)
        #expect(network?["project_id"] == "project-1")
        #expect(network?["tenant_id"] == "project-1")
        let path = "/networks/\(network?["id"]?.string ?? "")"

        let changed = await talk.put(path, ["network": ["name": "outer"]])
        #expect(changed["network"]?["name"] == "outer")
        #expect(changed["network"]?["revision_number"] == 1)

        #expect(await talk.delete(path).status == 204)
        let gone = await talk.get(path)
        #expect(gone.status == 404)
        #expect(gone.errorType == "NetworkNotFound")
    }

    @Test func severalAreMadeAtOnceOrNone() async {
        let made = await talk.post("/networks", ["networks": [["name": "a"], ["name": "b"]]])
        #expect(made.status == 201)
        #expect(made["networks"]?.array?.count == 2)
        let refused = await talk.post("/networks", ["networks": [["name": "c"], ["name": 7]]])
        #expect(refused.status == 400)
        #expect(await talk.get("/networks")["networks"]?.array?.count == 2)
    }

    @Test func onlyAdministratorsSeeAndSetTheWires() async {
        let refused = await talk.post("/networks", ["network": ["provider:network_type": "vlan"]])
        #expect(refused.status == 403)
        #expect(refused.errorType == "PolicyNotAuthorized")
        let id = await talk.network()
        #expect(await talk.get("/networks/\(id)")["network"]?["provider:network_type"] == nil)
        #expect(await talk.get("/networks/\(id)", as: .admin)["network"]?["provider:network_type"] == "vxlan")
    }

    @Test func noTwoNetworksLieOnTheSameWire() async {
        let body: JSON = ["network": ["provider:network_type": "vxlan", "provider:segmentation_id": 77]]
        #expect(await talk.post("/networks", body, as: .admin).status == 201)
        let again = await talk.post("/networks", body, as: .admin)
        #expect(again.status == 409)
        #expect(again.errorType == "TunnelIdInUse")
    }

    @Test func aNetworkIsSeenByOthersOnlyWhenShared() async {
        let id = await talk.network()
        #expect(await talk.get("/networks/\(id)", as: .stranger).status == 404)
        #expect(await talk.get("/networks", as: .stranger)["networks"]?.array?.count == 0)
        #expect(await talk.put("/networks/\(id)", ["network": ["shared": true]]).status == 403)
        #expect(await talk.put("/networks/\(id)", ["network": ["shared": true]], as: .admin).status == 200)
        #expect(await talk.get("/networks/\(id)", as: .stranger)["network"]?["shared"] == true)
        #expect(await talk.put("/networks/\(id)", ["network": ["name": "mine"]], as: .stranger).status == 403)
    }

    @Test func whomANetworkIsSharedWithIsAPartOfIt() async {
        let id = await talk.network()
        let revision = { await talk.get("/networks/\(id)", as: .admin)["network"]?["revision_number"]?.integer ?? -1 }
        let before = await revision()
        let grant: JSON = [
            "object_type": "network", "object_id": .string(id), "action": "access_as_shared", "target_tenant": "*",
        ]
        let policy = await talk.make("rbac_policy", at: "/rbac-policies", grant, as: .admin)["id"]?.string ?? ""
        let shared = await revision()
        #expect(shared > before)
        #expect(await talk.delete("/rbac-policies/\(policy)", as: .admin).status == 204)
        #expect(await revision() > shared)
    }

    @Test func theDefaultWayOutStaysEverybodys() async {
        let id = await talk.external()
        let list = "/rbac-policies?object_id=\(id)&action=access_as_external"
        let grants = await talk.get(list, as: .admin)["rbac_policies"]?.array ?? []
        #expect(grants.map { $0["target_tenant"] } == ["*"])
        let policy = "/rbac-policies/\(grants.first?["id"]?.string ?? "")"
        _ = await talk.put("/networks/\(id)", ["network": ["is_default": true]], as: .admin)
        #expect(await talk.delete(policy, as: .admin).errorType == "RbacPolicyInUse")
        let narrower: JSON = ["rbac_policy": ["target_tenant": "project-1"]]
        #expect(await talk.put(policy, narrower, as: .admin).errorType == "RbacPolicyInUse")
        #expect(await talk.get("/networks/\(id)", as: .stranger)["network"]?["router:external"] == true)

        _ = await talk.put("/networks/\(id)", ["network": ["is_default": false]], as: .admin)
        #expect(await talk.delete(policy, as: .admin).status == 204)
        #expect(await talk.get("/networks/\(id)", as: .stranger).status == 404)
    }

    @Test func aWayOutIsNarrowedToWhoUsesIt() async {
        let id = await talk.external()
        let list = "/rbac-policies?object_id=\(id)&action=access_as_external"
        let policy = await talk.get(list, as: .admin)["rbac_policies"]?.array?.first?["id"]?.string ?? ""
        _ = await talk.make("router", at: "/routers", ["external_gateway_info": ["network_id": .string(id)]])
        let others: JSON = ["rbac_policy": ["target_tenant": "project-2"]]
        #expect(await talk.put("/rbac-policies/\(policy)", others, as: .admin).errorType == "RbacPolicyInUse")
        let own: JSON = ["rbac_policy": ["target_tenant": "project-1"]]
        #expect(await talk.put("/rbac-policies/\(policy)", own, as: .admin).status == 200)
    }

    @Test func whatOnesOwnNetworkHasOfAThingKeepsItEverybodys() async {
        let policy = await talk.make("policy", at: "/qos/policies", ["name": "p", "shared": true], as: .admin)
        let id = policy["id"] ?? .null
        let network = await talk.make("network", at: "/networks", ["qos_policy_id": id], as: .admin)["id"]?.string ?? ""
        let narrower: JSON = ["policy": ["shared": false]]
        let path = "/qos/policies/\(id.string ?? "")"
        let list = "/rbac-policies?object_id=\(id.string ?? "")"
        let grant = await talk.get(list, as: .admin)["rbac_policies"]?.array?.first?["id"]?.string ?? ""
        let own: JSON = ["rbac_policy": ["target_tenant": "project-1"]]
        #expect(await talk.put("/rbac-policies/\(grant)", own, as: .admin).errorType == "RbacPolicyInUse")
        #expect(await talk.put(path, narrower, as: .admin).errorType == "RbacPolicyInUse")
        #expect(await talk.delete("/networks/\(network)", as: .admin).status == 204)
        #expect(await talk.put(path, narrower, as: .admin).status == 200)
    }

    @Test func addressesBeyondAnyIntegerAreCounted() async {
        let id = await talk.network()
        _ = await talk.subnet(on: id, "2001:db8::/64")
        let told = await talk.get("/network-ip-availabilities/\(id)", as: .admin)
        #expect(told.text.contains("\"total_ips\":18446744073709551614,"))
        _ = await talk.subnet(on: id, "2001:db8:1::/64")
        #expect(
            await talk.get("/network-ip-availabilities/\(id)", as: .admin).text.contains(
                "\"total_ips\":36893488147419103228,"))
    }

    @Test func listsAreFilteredSortedCutAndPaged() async {
        for name in ["c", "a", "b"] { _ = await talk.network(name) }
        let names = { (answer: Answer) in answer["networks"]?.array?.compactMap { $0["name"]?.string } ?? [] }
        #expect(names(await talk.get("/networks?name=a&name=b&sort_key=name")) == ["a", "b"])
        let first = await talk.get("/networks?sort_key=name&sort_dir=desc&limit=2&fields=name&fields=id")
        #expect(names(first) == ["c", "b"])
        #expect(first["networks"]?.array?.first?.object?.members.count == 2)
        let next = first["networks_links"]?.array?.first?["href"]?.string ?? ""
        #expect(next.hasPrefix("http://cloud.test/network/v2.0/networks?"))
        let query = next.split(separator: "?").last ?? ""
        #expect(names(await talk.get("/networks?\(query)")) == ["a"])
        let unknown = await talk.get("/networks?colour=red")
        #expect(unknown.status == 400)
        #expect(unknown.errorType == "HTTPBadRequest")
    }

    @Test func aChangeMayBeMeantForOneRevisionOnly() async throws {
        let id = await talk.network()
        var headers = HTTPHeaders()
        headers.append("If-Match", "revision_number=9")
        let stale = await talk.talk.put(
            "/network/v2.0/networks/\(id)", ["network": ["name": "x"]], as: .member, headers: headers)
        #expect(stale.status == 412)
    }

    @Test func tagsAreSetFoundAndRemoved() async {
        let id = await talk.network()
        #expect(await talk.put("/networks/\(id)/tags/red", [:]).status == 201)
        #expect(await talk.put("/networks/\(id)/tags", ["tags": ["red", "blue"]])["tags"] == ["blue", "red"])
        #expect(await talk.get("/networks?tags=red,blue")["networks"]?.array?.count == 1)
        #expect(await talk.get("/networks?not-tags=red")["networks"]?.array?.count == 0)
        #expect(await talk.delete("/networks/\(id)/tags/red").status == 204)
        #expect(await talk.get("/networks/\(id)/tags/red").status == 404)
    }

    @Test func everyExtensionIsShownAsItIsListed() async {
        for listed in await talk.get("/extensions")["extensions"]?.array ?? [] {
            let shown = await talk.get("/extensions/\(listed["alias"]?.string ?? "")")
            #expect(shown["extension"] == listed)
        }
    }
}
