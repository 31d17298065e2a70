import Base
import CloudTesting
import Testing

@testable import Network

@Suite struct AddressTests {
    @Test func aPortGetsAnAddressAndAnotherOneAnother() async throws {
        let talk = try await NetworkTalk()
        let network = await talk.network()
        let subnet = await talk.subnet(on: network, "10.0.0.0/29")
        #expect(subnet["gateway_ip"] == "10.0.0.1")
        #expect(subnet["allocation_pools"] == [["start": "10.0.0.2", "end": "10.0.0.6"]])
        var addresses: Set<String> = []
        for _ in 0..<5 {
            let made = await talk.port(on: network)
            #expect(made.status == 201)
            addresses.insert(made["port"]?["fixed_ips"]?.array?.first?["ip_address"]?.string ?? "")
        }
        #expect(addresses == ["10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"])
        let full = await talk.port(on: network)
        #expect(full.status == 409)
        #expect(full.errorType == "IpAddressGenerationFailure")
    }

    @Test func whatIsGivenBackIsGivenAgainWhenNothingElseIsLeft() async throws {
        let talk = try await NetworkTalk()
        let network = await talk.network()
        _ = await talk.subnet(on: network, "10.0.0.0/29")
        var ports: [JSON] = []
        func next() async -> String? {
            let port = await talk.port(on: network)["port"] ?? .null
            ports.append(port)
            return port["fixed_ips"]?.array?.first?["ip_address"]?.string
        }
        for _ in 0..<3 { _ = await next() }
        #expect(await talk.delete("/ports/\(ports[1]["id"]?.string ?? "")").status == 204)
        #expect(await next() == "10.0.0.5")
        #expect(await next() == "10.0.0.6")
        #expect(await next() == "10.0.0.3")
        #expect(await next() == nil)
    }

    /// Ports come and go in an order that only the seed knows; at no time do two share an address, and none lies outside
    /// of the pools or on the gateway.
    @Test(arguments: 1...8 as ClosedRange<UInt64>) func noAddressIsGivenTwice(seed: UInt64) async throws {
        let talk = try await NetworkTalk(seed: seed)
        let network = await talk.network()
        let subnet = await talk.subnet(on: network, "192.0.2.0/27")
        let chance = SeededChance(seed: seed)
        var ports: [String: String] = [:]
        for _ in 0..<60 {
            if chance.below(3) == 0, let victim = ports.keys.sorted().first {
                #expect(await talk.delete("/ports/\(victim)").status == 204)
                ports[victim] = nil
                continue
            }
            let made = await talk.port(on: network)
            guard made.status == 201 else {
                #expect(ports.count == 29)
                continue
            }
            let address = made["port"]?["fixed_ips"]?.array?.first?["ip_address"]?.string ?? ""
            #expect(!ports.values.contains(address))
            #expect(address != subnet["gateway_ip"]?.string)
            #expect(IPNetwork("192.0.2.0/27")?.hosts.contains(IPAddress(address) ?? IPAddress(.v4, 0)) == true)
            ports[made["port"]?["id"]?.string ?? ""] = address
        }
    }

    @Test func anAddressThatIsAskedForIsGivenOnce() async throws {
        let talk = try await NetworkTalk()
        let network = await talk.network()
        _ = await talk.subnet(on: network, "10.0.0.0/24")
        let body: JSON = ["port": ["network_id": .string(network), "fixed_ips": [["ip_address": "10.0.0.9"]]]]
        #expect(await talk.post("/ports", body).status == 201)
        let again = await talk.post("/ports", body)
        #expect(again.status == 409)
        #expect(again.errorType == "IpAddressAlreadyAllocated")
        let outside: JSON = ["port": ["network_id": .string(network), "fixed_ips": [["ip_address": "10.9.0.9"]]]]
        #expect(await talk.post("/ports", outside).errorType == "InvalidIpForNetwork")
    }

    @Test func hostsMakeTheirOwnAddressesWhereRoutersTellThemTo() async throws {
        let talk = try await NetworkTalk()
        let network = await talk.network()
        let before = await talk.make(
            "port", at: "/ports", ["network_id": .string(network), "mac_address": "fa:16:3e:11:22:33"])
        _ = await talk.make(
            "subnet", at: "/subnets",
            [
                "network_id": .string(network), "cidr": "2001:db8::/64", "ip_version": 6, "ipv6_ra_mode": "slaac",
                "ipv6_address_mode": "slaac",
            ])
        let port = await talk.get("/ports/\(before["id"]?.string ?? "")")["port"]
        #expect(port?["fixed_ips"]?.array?.first?["ip_address"] == "2001:db8::f816:3eff:fe11:2233")
    }

    @Test func poolsLieWithinTheSubnetApartFromEachOtherAndTheGateway() async throws {
        let talk = try await NetworkTalk()
        let network = await talk.network()
        let cases: [(JSON, String)] = [
            ([["start": "10.0.0.1", "end": "10.0.0.9"]], "GatewayConflictWithAllocationPools"),
            ([["start": "10.0.0.2", "end": "10.0.1.9"]], "OutOfBoundsAllocationPool"),
            ([["start": "10.0.0.9", "end": "10.0.0.2"]], "InvalidAllocationPool"),
            (
                [["start": "10.0.0.2", "end": "10.0.0.9"], ["start": "10.0.0.9", "end": "10.0.0.12"]],
                "OverlappingAllocationPools"
            ),
        ]
        for (pools, type) in cases {
            let answer = await talk.post(
                "/subnets",
                [
                    "subnet": [
                        "network_id": .string(network), "cidr": "10.0.0.0/24", "ip_version": 4,
                        "allocation_pools": pools,
                    ]
                ])
            #expect(answer.errorType == type)
        }
    }

    @Test func subnetsOfANetworkDoNotOverlap() async throws {
        let talk = try await NetworkTalk()
        let network = await talk.network()
        _ = await talk.subnet(on: network, "10.0.0.0/24")
        #expect(await talk.subnet(on: network, "10.0.0.128/25") == .null)
        #expect(await talk.subnet(on: network, "10.0.1.0/24")["cidr"] == "10.0.1.0/24")
    }

    @Test func aPoolInSomebodyElsesScopeIsNotItsOwnersToChange() async throws {
        let talk = try await NetworkTalk()
        let scope = await talk.make(
            "address_scope", at: "/address-scopes", ["name": "s", "ip_version": 4, "shared": true], as: .admin)
        let pool = await talk.make("subnetpool", at: "/subnetpools", ["name": "p", "prefixes": ["10.1.0.0/18"]])
        let path = "/subnetpools/\(pool["id"]?.string ?? "")"
        let more: JSON = ["subnetpool": ["prefixes": ["10.1.0.0/18", "10.2.0.0/18"]]]
        let within: JSON = ["subnetpool": ["address_scope_id": scope["id"] ?? .null]]
        #expect(await talk.put(path, within, as: .admin).status == 200)
        #expect(await talk.put(path, more).errorType == "IllegalSubnetPoolUpdate")
        #expect(await talk.put(path, more, as: .admin).status == 200)
    }

    @Test func aPoolIsCutIntoSubnetsThatDoNotOverlap() async throws {
        let talk = try await NetworkTalk()
        let network = await talk.network()
        let pool = await talk.make(
            "subnetpool", at: "/subnetpools",
            ["name": "p", "prefixes": ["10.1.0.0/25", "10.1.0.128/25"], "default_prefixlen": 26])
        #expect(pool["prefixes"] == ["10.1.0.0/24"])
        var cut: [String] = []
        for _ in 0..<5 {
            let answer = await talk.post(
                "/subnets",
                [
                    "subnet": [
                        "network_id": .string(network), "ip_version": 4, "subnetpool_id": pool["id"] ?? .null,
                    ]
                ])
            if answer.status == 201 {
                cut.append(answer["subnet"]?["cidr"]?.string ?? "")
            } else {
                #expect(answer.errorType == "SubnetAllocationError")
            }
        }
        #expect(cut == ["10.1.0.0/26", "10.1.0.64/26", "10.1.0.128/26", "10.1.0.192/26"])
    }
}
