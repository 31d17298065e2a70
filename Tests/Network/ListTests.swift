import Base
import CloudTesting
import SQL
import Testing

@testable import Network

/// A list is remembered; what it says is what every single thing says of itself, whatever has been changed and how.
@Suite struct ListTests {
    private let talk: NetworkTalk

    init() async throws { talk = try await NetworkTalk() }

    /// Whether the list has each thing as it is shown alone.
    private func agrees(_ path: String, _ one: String, as persona: Persona = .admin) async -> Bool {
        let many = path.dropFirst().replacing("-", with: "_")
        for _ in 0..<2 {
            let listed = await talk.get(path, as: persona)[String(many)]?.array ?? []
            for document in listed {
                let alone = await talk.get("\(path)/\(document["id"]?.string ?? "")", as: persona)[one]
                if alone != document { return false }
            }
            if listed.isEmpty { return false }
        }
        return true
    }

    @Test func networksFollowWhatBelongsToThem() async throws {
        let network = await talk.network()
        #expect(await agrees("/networks", "network"))
        let subnet = await talk.subnet(on: network, "10.0.0.0/24")["id"]?.string ?? ""
        #expect(await agrees("/networks", "network"))
        _ = await talk.put("/networks/\(network)/tags/blue", .null)
        #expect(await agrees("/networks", "network"))
        _ = await talk.put("/networks/\(network)", ["network": ["router:external": true]], as: .admin)
        #expect(await agrees("/networks", "network"))
        #expect(await agrees("/subnets", "subnet"))
        _ = await talk.put("/networks/\(network)", ["network": ["shared": true]], as: .admin)
        #expect(await agrees("/networks", "network"))
        #expect(await agrees("/networks", "network", as: .stranger))
        _ = await talk.delete("/subnets/\(subnet)")
        #expect(await agrees("/networks", "network"))
    }

    @Test func portsFollowWhatBelongsToThem() async throws {
        let network = await talk.network()
        _ = await talk.subnet(on: network, "10.0.0.0/24")
        let port = await talk.port(on: network)["port"]?["id"]?.string ?? ""
        #expect(await agrees("/ports", "port"))
        _ = await talk.put("/ports/\(port)", ["port": ["fixed_ips": [["ip_address": "10.0.0.77"]]]], as: .admin)
        #expect(await agrees("/ports", "port"))
        _ = await talk.put("/ports/\(port)", ["port": ["security_groups": []]])
        #expect(await agrees("/ports", "port"))
        // Also what an agent has noted, past the API.
        try await talk.service.database.write { try $0.run("UPDATE network_port SET status = 'ACTIVE'") }
        #expect(await agrees("/ports", "port"))
        let trunk = await talk.make("trunk", at: "/trunks", ["port_id": .string(port)])["id"]?.string ?? ""
        #expect(await agrees("/ports", "port"))
        let part = await talk.port(on: network)["port"]?["id"] ?? .null
        let parts: JSON = ["sub_ports": [["port_id": part, "segmentation_type": "vlan", "segmentation_id": 7]]]
        #expect(await talk.put("/trunks/\(trunk)/add_subports", parts).status == 200)
        #expect(await agrees("/ports", "port"))
    }

    @Test func eachSeesWhatItMay() async throws {
        let network = await talk.network()
        #expect(await talk.get("/networks", as: .admin)["networks"]?.array?.first?["provider:network_type"] != nil)
        #expect(await talk.get("/networks")["networks"]?.array?.first?["provider:network_type"] == nil)
        #expect(await talk.get("/networks?fields=id")["networks"] == [["id": .string(network)]])
        #expect(await talk.get("/networks", as: .stranger)["networks"]?.array?.count == 0)
    }

    @Test func pagesAreInOrderFromBothEnds() async throws {
        for name in ["a", "b", "c", "d"] { _ = await talk.network(name) }
        let names = { (query: String) in
            await talk.get("/networks?sort_key=name&" + query)["networks"]?.array?.compactMap { $0["name"]?.string }
        }
        #expect(await names("limit=3") == ["a", "b", "c"])
        let last = await talk.get("/networks?name=d")["networks"]?.array?.first?["id"]?.string ?? ""
        #expect(await names("limit=2&page_reverse=True&marker=\(last)") == ["b", "c"])
        let page = await talk.get("/networks?limit=2&sort_key=name")
        #expect(page["networks_links"]?.array?.count == 2)
    }
}
