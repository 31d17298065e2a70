import Base
import CloudTesting
import Contracts
import SQL
import Testing

@testable import Network

@Suite struct ExpectedPortTests {
    @Test func aPortOnItsWayIsWiredAtBothEnds() async throws {
        let talk = try await NetworkTalk()
        let network = await talk.network()
        let wish: JSON = ["network_id": .string(network), "binding:host_id": "node-1", "device_owner": "compute:nova"]
        let port = await talk.make("port", at: "/ports", wish, as: .admin)["id"]?.string ?? ""
        let hosts = { () async throws -> [[String]] in
            try await talk.service.database.read { tx in
                try ["node-1", "node-2"].map { host in
                    try HostNetwork(of: host, tx).ports.filter { $0.id == port }.map(\.host)
                }
            }
        }
        #expect(try await hosts() == [["node-1"], []])
        let change = { (fields: JSON) async in
            await talk.put("/ports/\(port)", ["port": fields], as: .service).status
        }
        #expect(await change(["binding:profile": ["migrating_to": "node-2"]]) == 200)
        #expect(try await hosts() == [["node-1"], ["node-2"]])
        #expect(await change(["binding:profile": [:], "binding:host_id": "node-2"]) == 200)
        #expect(try await hosts() == [[], ["node-2"]])
    }
}

@Suite struct PrivateVLANTests {
    private func port(_ talk: NetworkTalk, on network: String, _ fields: JSON = [:]) async -> Answer {
        var wish = JSON.Object([.init(name: "network_id", value: .string(network))])
        for member in fields.object?.members ?? [] { wish[member.name] = member.value }
        return await talk.post("/ports", ["port": .object(wish)])
    }

    private func privateNetwork(_ talk: NetworkTalk) async -> String {
        await talk.make("network", at: "/networks", ["name": "p", "pvlan": true])["id"]?.string ?? ""
    }

    @Test func aPortOfAPrivateNetworkIsPromiscuousUnlessItSaysOtherwise() async throws {
        let talk = try await NetworkTalk()
        let network = await privateNetwork(talk)
        #expect(await talk.get("/networks/\(network)")["network"]?["pvlan"] == true)
        let plain = await port(talk, on: network)["port"]
        #expect(plain?["pvlan_type"] == "promiscuous")
        #expect(plain?["pvlan_community"] == .null)
        let path = "/ports/\(plain?["id"]?.string ?? "")"
        let isolated = await talk.put(path, ["port": ["pvlan_type": "isolated"]])
        #expect(isolated["port"]?["pvlan_type"] == "isolated")
        let one = await talk.put(path, ["port": ["pvlan_type": "community", "pvlan_community": "a.b_1"]])
        #expect(one["port"]?["pvlan_community"] == "a.b_1")
        #expect(await talk.get("/ports?pvlan_type=community")["ports"]?.array?.count == 1)
        #expect(await talk.put(path, ["port": ["pvlan_type": "isolated"]])["port"]?["pvlan_community"] == .null)
    }

    @Test(
        arguments: [
            ["pvlan_type": "nothing"], ["pvlan_type": "community"], ["pvlan_type": "community", "pvlan_community": ""],
            ["pvlan_type": "community", "pvlan_community": "1st"],
            ["pvlan_type": "community", "pvlan_community": "a b!"],
            ["pvlan_type": "isolated", "pvlan_community": "a"], ["port_security_enabled": false],
        ] as [JSON])
    func whatIsNoPlaceOnAPrivateNetworkIsRefused(_ fields: JSON) async throws {
        let talk = try await NetworkTalk()
        let answer = await port(talk, on: await privateNetwork(talk), fields)
        #expect(answer.status == 400, "\(answer.text)")
    }

    @Test func onlyPrivateNetworksHavePlaces() async throws {
        let talk = try await NetworkTalk()
        let network = await talk.network()
        #expect(await port(talk, on: network, ["pvlan_type": "isolated"]).errorType == "PVLANNotEnabledOnNetwork")
        let open: JSON = ["network": ["pvlan": true, "port_security_enabled": false]]
        #expect(await talk.post("/networks", open).errorType == "PVLANNetworkPortSecurityDisabled")
        let plain = await port(talk, on: network)["port"]?["id"]?.string ?? ""
        #expect(await talk.put("/networks/\(network)", ["network": ["pvlan": true]]).status == 200)
        #expect(await talk.get("/ports/\(plain)")["port"]?["pvlan_type"] == "promiscuous")
        #expect(await talk.put("/networks/\(network)", ["network": ["pvlan": false]]).status == 200)
        #expect(await talk.get("/ports/\(plain)")["port"]?["pvlan_type"] == .null)
    }

    @Test func hostsAreToldWhoMayHearWhom() async throws {
        let talk = try await NetworkTalk()
        let network = await privateNetwork(talk)
        var hardware: [String: String] = [:]
        for (name, type, community) in [
            ("open", "promiscuous", nil), ("alone", "isolated", nil), ("first", "community", "a"),
            ("second", "community", "a"), ("other", "community", "b"),
        ] as [(String, String, String?)] {
            let wish: JSON = [
                "network_id": .string(network), "pvlan_type": .string(type), "pvlan_community": JSON(community),
                "binding:host_id": "node-1", "name": .string(name),
            ]
            let made = await talk.make("port", at: "/ports", wish, as: .admin)
            hardware[name] = made["mac_address"]?.string
        }
        let ports = try await talk.service.database.read { try HostNetwork(of: "node-1", $0).ports }
        let heard = Dictionary(uniqueKeysWithValues: ports.map { ($0.mac, $0.hears) })
        let names = { (listener: String) -> Set<String>? in
            guard let macs = heard[hardware[listener] ?? ""] ?? nil else { return nil }
            return Set(hardware.filter { macs.contains($0.value) }.keys)
        }
        #expect(names("open") == nil)
        #expect(names("alone") == ["open"])
        #expect(names("first") == ["open", "first", "second"])
        #expect(names("other") == ["open", "other"])
    }
}
