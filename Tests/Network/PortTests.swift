import Base
import CloudTesting
import Testing

@testable import Network

@Suite struct PortTests {
    @Test func aPortIsUpAsSoonAsASimulatedHostHasIt() async throws {
        let talk = try await NetworkTalk()
        let network = await talk.network()
        let id = await talk.port(on: network)["port"]?["id"]?.string ?? ""
        #expect(await talk.get("/ports/\(id)", as: .admin)["port"]?["binding:vif_type"] == "unbound")
        #expect(await talk.get("/ports/\(id)")["port"]?["binding:vif_type"] == nil)
        let body: JSON = ["port": ["binding:host_id": "node-1"]]
        #expect(await talk.put("/ports/\(id)", body).status == 403)
        let bound = await talk.put("/ports/\(id)", body, as: .admin)["port"]
        #expect(bound?["status"] == "ACTIVE")
        #expect(bound?["binding:vif_type"] == "other")
    }

    @Test func aLinuxBridgeIsNamedForItsNetworkAndWaitsForItsAgent() async throws {
        var settings = NetworkSettings()
        settings.drivers = [LinuxBridgeDriver()]
        let talk = try await NetworkTalk(settings)
        let network = await talk.network()
        let port = await talk.make(
            "port", at: "/ports", ["network_id": .string(network), "binding:host_id": "node-1"], as: .admin)
        #expect(port["binding:vif_type"] == "bridge")
        #expect(port["binding:vif_details"]?["bridge_name"]?.string == "brq" + network.prefix(11))
        #expect(port["status"] == "DOWN")
    }

    @Test func aHardwareAddressIsTakenOnlyOnceOnANetwork() async throws {
        let talk = try await NetworkTalk()
        let network = await talk.network()
        let body: JSON = ["port": ["network_id": .string(network), "mac_address": "FA:16:3E:00:00:01"]]
        #expect(await talk.post("/ports", body)["port"]?["mac_address"] == "fa:16:3e:00:00:01")
        #expect(await talk.post("/ports", body).errorType == "MacAddressInUse")
    }

    @Test func aPortIsGivenAnotherHardwareAddress() async throws {
        let talk = try await NetworkTalk()
        let port = await talk.port(on: await talk.network(), as: .admin)["port"]
        let path = "/ports/\(port?["id"]?.string ?? "")"
        let changed = await talk.put(path, ["port": ["mac_address": .null]], as: .admin)["port"]?["mac_address"]
        #expect(changed != port?["mac_address"])
        #expect(changed?.string?.hasPrefix("fa:16:3e:") == true)
    }

    @Test func aSubnetIsForTheOwnersThatItNames() async throws {
        let talk = try await NetworkTalk()
        let network = await talk.network()
        for (type, cidr) in [("test:one", "192.168.1.0/24"), ("test:two", "192.168.2.0/24")] {
            let body: JSON = [
                "network_id": .string(network), "cidr": .string(cidr), "ip_version": 4,
                "service_types": [.string(type)],
            ]
            _ = await talk.make("subnet", at: "/subnets", body)
        }
        let ask = { (owner: String) in
            await talk.post("/ports", ["port": ["network_id": .string(network), "device_owner": .string(owner)]])
        }
        let address = { (answer: Answer) in answer["port"]?["fixed_ips"]?.array?.first?["ip_address"]?.string ?? "" }
        #expect(address(await ask("test:one")).hasPrefix("192.168.1."))
        #expect(address(await ask("test:two")).hasPrefix("192.168.2."))
        #expect(await ask("test:three").errorType == "IpAddressGenerationFailureNoMatchingSubnet")
        _ = await talk.subnet(on: network, "192.168.3.0/24")
        #expect(address(await ask("test:three")).hasPrefix("192.168.3."))
        #expect(address(await ask("test:two")).hasPrefix("192.168.2."))
    }

    @Test func portsAreFoundByTheirAddresses() async throws {
        let talk = try await NetworkTalk()
        let network = await talk.network()
        let subnet = await talk.subnet(on: network, "10.0.0.0/24")["id"]?.string ?? ""
        for _ in 0..<3 { _ = await talk.port(on: network) }
        let found = { (query: String) in await talk.get("/ports?\(query)")["ports"]?.array?.count }
        #expect(await found("fixed_ips=ip_address=10.0.0.3") == 1)
        #expect(await found("fixed_ips=ip_address_substr=10.0.0") == 3)
        #expect(await found("fixed_ips=subnet_id=\(subnet)&fixed_ips=ip_address=10.0.0.2") == 1)
        #expect(await found("fixed_ips=ip_address=10.0.0.99") == 0)
    }

    @Test func nobodyPlugsIntoAnothersNetwork() async throws {
        let talk = try await NetworkTalk()
        let network = await talk.network()
        #expect(await talk.port(on: network, as: .stranger).status == 403)
        #expect(await talk.port(on: network, as: .reader).status == 403)
        #expect(await talk.port(on: network, as: .manager).status == 201)
    }
}
