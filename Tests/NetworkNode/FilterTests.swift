import Base
import Bus
import Contracts
import HTTP
import IO
import Synchronization
import Testing

@testable import NetworkNode

@Suite struct FilterTests {
    private var rules: String { Filter(Example.cloud, host: "here", table: "t").text().rules }

    @Test func rulesOfGroupsAreThere() {
        #expect(rules.contains("ether type ip ip saddr 198.51.100.0/24 tcp dport 22-23 accept"))
        #expect(rules.contains("ether type ip ip saddr @g4_44444444aaaa40008000000000000004 icmp type 8 icmp code 0"))
        #expect(rules.contains("elements = { 10.7.0.3 }"))
    }

    @Test func aGuestSpeaksOnlyForItself() {
        #expect(
            rules.contains(
                "ether saddr fa:16:3e:00:00:03 ether type arp arp saddr ether fa:16:3e:00:00:03 arp saddr ip { 10.7.0.3, 0.0.0.0 } accept"
            ))
        #expect(rules.contains("ether saddr fa:16:3e:00:00:03 ether type ip ip saddr { 10.7.0.3 } accept"))
        #expect(rules.contains("fe80::f816:3eff:fe00:3"))
    }

    @Test func theSameWishHasTheSameNameAndAnotherAnother() {
        let first = Filter(Example.cloud, host: "here", table: "t").text().revision
        var other = Example.cloud
        other.groups[0].rules.removeFirst()
        #expect(Filter(Example.cloud, host: "here", table: "t").text().revision == first)
        #expect(Filter(other, host: "here", table: "t").text().revision != first)
    }

    @Test func aGroupWithoutMemoryLetsNoAnswersThroughByItself() {
        var cloud = Example.cloud
        cloud.groups[0] = WireGroup(
            id: Example.group, isStateful: false, rules: cloud.groups[0].rules, members: ["10.7.0.3"])
        let rules = Filter(cloud, host: "here", table: "t").text().rules
        #expect(!rules.contains("meta mark and"))
        #expect(self.rules.contains("meta mark and"))
    }

    @Test func whatALogAsksForIsWrittenDownBeforeItsVerdict() {
        var cloud = Example.cloud
        cloud.ports[0].logs = [
            WirePort.Log(id: "all", group: Example.group, accepted: true, dropped: true),
            WirePort.Log(id: "other", group: "elsewhere", accepted: true, dropped: false),
        ]
        let lines = Filter(cloud, host: "here", table: "t").text().rules.split(separator: "\n").map(String.init)
        let condition = "ether type ip ip saddr 198.51.100.0/24 tcp dport 22-23"
        let place = lines.firstIndex(of: condition + " accept") ?? 0
        #expect(
            lines[place - 1]
                == condition + " limit rate 100/second burst 25 packets log prefix \"martlet ACCEPT all \"")
        #expect(lines.filter { $0.contains("martlet DROP all ") }.count == 2)
        #expect(!lines.contains { $0.contains("ACCEPT other") })
        #expect(!rules.contains("log prefix"))
    }

    @Test func whatIsCopiedGoesToGuestsOfTheSameHostOnly() {
        var cloud = Example.cloud
        let other = Example.port(
            "eeeeeeee-1111-4000-8000-000000000000", on: Example.home, "10.7.0.4", owner: "compute:nova", device: "ids",
            mac: "fa:16:3e:00:00:04")
        cloud.ports.append(other)
        cloud.ports[0].mirrors = [
            WirePort.Mirror(to: other.id, incoming: true, outgoing: true, vlans: "7,9-12"),
            WirePort.Mirror(to: "elsewhere", incoming: true, outgoing: false, vlans: nil),
        ]
        let text = Mirrors(cloud, host: "here", table: "t").text(turn: 0)
        #expect(text.rules.contains("type filter hook ingress device \"tapaaaaaaaa-11\" priority 10"))
        #expect(text.rules.contains("type filter hook egress device \"tapaaaaaaaa-11\" priority 10"))
        let copy = "vlan id { 7, 9-12 } dup to \"tapeeeeeeee-11\""
        #expect(text.rules.split(separator: "\n").filter { $0 == copy }.count == 2)
        #expect(!text.rules.contains("elsewhere"))
        #expect(Mirrors(cloud, host: "here", table: "t").text(turn: 1).revision != text.revision)
        #expect(!Mirrors(Example.cloud, host: "here", table: "t").text(turn: 0).rules.contains("dup"))
    }

    @Test func aGuestThatHearsFewIsSentNothingOfOthers() {
        var cloud = Example.cloud
        cloud.ports[0].hears = ["fa:16:3e:00:00:01", "fa:16:3e:00:00:02"]
        let rule = "ether saddr != { fa:16:3e:00:00:01, fa:16:3e:00:00:02 } drop"
        let lines = Filter(cloud, host: "here", table: "t").text().rules.split(separator: "\n").map(String.init)
        let place = lines.firstIndex(of: rule) ?? 0
        #expect(lines[place - 1].hasPrefix("chain in_"))
        #expect(!rules.contains("ether saddr !="))
    }

    @Test func networksNeverShareAZone() {
        let networks = (0..<2_000).map { "network \($0)" }
        let zones = Filter.zones(networks)
        #expect(Set(zones.values).count == 2_000)
        #expect(zones.values.allSatisfy { (1...65_534).contains($0) })
    }

    @Test func floatingAddressesAreTranslatedBothWays() {
        let text = Translation(router: Example.cloud.routers[0], ports: Array(Example.cloud.ports.dropFirst(2))).text()
        #expect(text.rules.contains("dnat to ip daddr map { 203.0.113.3 : 10.7.0.3 }"))
        #expect(text.rules.contains("oifname \"qg-dddddddd-11\" snat to ip saddr map { 10.7.0.3 : 203.0.113.3 }"))
        #expect(text.rules.contains("oifname \"qg-dddddddd-11\" ip saddr != 203.0.113.2 snat to 203.0.113.2"))
    }

    @Test func guestsAreToldTheirAddressAndTheWay() {
        let plan = AddressPlan(
            Example.cloud.networks[0], Example.cloud.ports[1], among: Example.cloud.ports, folder: "/f")
        #expect(
            plan.hosts.contains("fa:16:3e:00:00:03,set:port-\(Example.guest.id),host-10-7-0-3.openstacklocal,10.7.0.3"))
        #expect(plan.options.contains("tag:subnet-inner,option:router,10.7.0.1"))
        #expect(
            plan.options.contains(
                "tag:subnet-inner,option:classless-static-route,169.254.169.254/32,10.7.0.2,0.0.0.0/0,10.7.0.1"))
        #expect(plan.configuration.contains("dhcp-range=set:subnet-inner,10.7.0.0,static,255.255.255.0,86400s"))
        #expect(plan.configuration.contains("dhcp-option-force=option:mtu,1450"))
    }

    @Test func metadataIsListedLikeFolders() async throws {
        let files: JSON = [
            "latest/meta-data/hostname": "first", "latest/meta-data/public-keys": "0=mine",
            "latest/meta-data/public-keys/0/openssh-key": "ssh-rsa AAAA", "openstack/latest/meta_data.json": "{}",
            "latest/user-data": ["base64": "/wA="],
        ]
        let read = { (path: String) async throws -> String in
            let response = MetadataDoor.response(path, files)
            return "\(response.status) " + String(decoding: try await response.collect(limit: 1_000), as: UTF8.self)
        }
        #expect(try await read("/") == "200 latest\nopenstack")
        #expect(try await read("/latest/meta-data/") == "200 hostname\npublic-keys/")
        #expect(try await read("/latest/meta-data/public-keys/") == "200 0=mine")
        #expect(try await read("/latest/meta-data/public-keys/0/openssh-key") == "200 ssh-rsa AAAA")
        #expect(try await read("/openstack/") == "200 latest")
        #expect(MetadataDoor.response("/latest/nothing", files).status == 404)
        #expect(try await MetadataDoor.response("/latest/user-data", files).collect(limit: 10) == [255, 0])
    }

    @Test func whatAGuestTellsGoesToTheConductor() async throws {
        let bus = LocalBus(clock: SystemClock())
        let kept = Mutex<[String]>([])
        bus.serve(NetworkMessages.owner) { question in
            AddressOwner(device: question.router == "r" && question.address == "127.0.0.1" ? "guest" : nil, host: "h")
        }
        bus.serve(ComputeMessages.metadata, on: "h") { _ in
            [
                "openstack/latest/password": "", "openstack/latest/meta_data.json": "{}",
                "latest/meta-data/password": "p",
            ]
        }
        bus.serve(ComputeMessages.keepPassword) { told in
            if told.password == "again" { throw Failure.conflict("There is one.") }
            kept.withLock { $0.append("\(told.server) \(told.password)") }
            return Nothing()
        }
        let loops = Loops(count: 1)
        let door = MetadataDoor(bus: bus, loops: loops, world: World())
        let place = "/openstack/latest/password"
        let ask = { (method: String, path: String, body: [UInt8]) async -> HTTPResponse in
            let peer = SocketAddress.v4(address: UInt32(bigEndian: 0x7f00_0001), port: 0)
            return await door.answer(
                HTTPRequest(method, path, body: HTTPBody(body), peer: peer), network: nil, router: "r")
        }
        #expect(await ask("POST", place, Array("secret".utf8)).status == 200)
        #expect(await ask("POST", place + "/", [UInt8](repeating: 97, count: 1_020)).status == 200)
        #expect(await ask("POST", place, [UInt8](repeating: 97, count: 1_021)).status == 400)
        #expect(await ask("POST", place, [255]).status == 400)
        #expect(await ask("POST", place, Array("again".utf8)).status == 409)
        #expect(kept.withLock { $0 } == ["guest secret", "guest " + String(repeating: "a", count: 1_020)])

        // Anywhere else it is a question.
        let about = await ask("POST", "/openstack/latest/meta_data.json", [1])
        #expect(try await about.collect(limit: 10) == Array("{}".utf8))
        #expect(await ask("POST", "/latest/meta-data/password", [97]).status == 200)
        #expect(await ask("POST", "/openstack/2013-10-17/password", [97]).status == 404)
        for method in ["PUT", "DELETE", "PATCH"] {
            let refused = await ask(method, place, [])
            #expect(refused.status == 405)
            #expect(refused.headers["Allow"] == "GET, HEAD, POST")
        }
        #expect(kept.withLock { $0.count } == 2)
        await loops.stop()
    }
}

@Suite struct SpeedTests {
    @Test func aPolicysLimitsAndMarkAreRulesOfTheGuestsOwn() {
        var cloud = Example.cloud
        cloud.ports[0].limits = [
            WirePort.Limit(isIngress: false, unit: .bytes, perSecond: 125_000, burst: 100_000),
            WirePort.Limit(isIngress: true, unit: .packets, perSecond: 1_000, burst: 800),
        ]
        cloud.ports[0].mark = 10
        let rules = Filter(cloud, host: "here", table: "t").text().rules
        let name = "\"tapaaaaaaaa-11\""
        #expect(rules.contains("iifname \(name) limit rate over 125000 bytes/second burst 100000 bytes drop"))
        #expect(rules.contains("oifname \(name) limit rate over 1000/second burst 800 packets drop"))
        #expect(rules.contains("iifname \(name) ether type ip ip dscp set 10"))
        #expect(!Filter(Example.cloud, host: "here", table: "t").text().rules.contains("chain speed"))
    }

    @Test func aForwardedPortLeadsInside() throws {
        var router = Example.cloud.routers[0]
        router.forwardings = [
            WireRouter.Forwarding(
                outside: "203.0.113.9", transport: "tcp", outsidePort: 2_222, inside: "10.7.0.3", insidePort: 22)
        ]
        let text = Translation(router: router, ports: Array(Example.cloud.ports.dropFirst(2))).text().rules
        #expect(text.contains("ip daddr 203.0.113.9 tcp dport 2222 dnat to 10.7.0.3:22"))
        var cloud = Example.cloud
        cloud.routers[0] = router
        let space = try #require(Example.layout(cloud).spaces.first { $0.isRouter })
        #expect(space.pairs.contains { $0.addresses.contains("203.0.113.9/32") })
    }
}
