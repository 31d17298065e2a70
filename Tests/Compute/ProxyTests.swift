import API
import Base
import CloudTesting
import HTTP
import Synchronization
import Testing

@testable import Compute

@Suite struct ProxyTests {
    private static let id = "11111111-2222-4333-8444-555555555555"

    /// A cloud whose other services answer what a test says, by path; what isn't said isn't there.
    private static func talk(_ answers: [String: JSON]) async throws -> ComputeTalk {
        try await ComputeTalk { request in
            let path = request.method + " " + request.path
            guard let answer = answers[path] else { return (404, ["message": "no such thing"]) }
            return (200, answer)
        }
    }

    @Test func imagesAreShownInOldWords() async throws {
        let image: JSON = [
            "id": .string(id(0)), "name": "small", "status": "active", "min_ram": 64, "min_disk": 1, "size": 7,
            "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z", "tags": [], "os_kind": "x",
        ]
        let talk = try await ProxyTests.talk(["GET /image/v2/images": ["images": [image]]])
        let shown = await talk.get("/images/detail", as: .reader, at: "2.35")["images"]?.array?.first
        #expect(shown?["status"] == "ACTIVE")
        #expect(shown?["progress"] == 100)
        #expect(shown?["minRam"] == 64)
        #expect(shown?["metadata"] == ["os_kind": "x"])
        #expect(shown?["links"]?.array?.count == 3)
        #expect(await talk.get("/images/detail", as: .reader, at: "2.36").status == 404)
        #expect(await talk.get("/images/nothing", as: .reader, at: "2.35").status == 404)
    }

    private func id(_ number: Int) -> String { "11111111-2222-4333-8444-55555555555\(number)" }

    @Test func anImagesMetadataAreChangedByAPatchOfTheDifferences() async throws {
        let sent = Mutex<[String]>([])
        let image: JSON = ["id": .string(ProxyTests.id), "status": "active", "keep": "1", "drop": "2"]
        let talk = try await ComputeTalk { request in
            if request.method == "PATCH" { sent.withLock { $0.append(request.headers["content-type"] ?? "") } }
            return (200, image)
        }
        let path = "/images/\(ProxyTests.id)/metadata"
        let body: JSON = ["metadata": ["keep": "1", "new": "3"]]
        let replaced = await talk.send("PUT", path, body, as: .member, at: "2.38")
        #expect(replaced["metadata"] == ["keep": "1", "new": "3"])
        #expect(await talk.send("DELETE", path + "/drop", as: .member, at: "2.38").status == 204)
        #expect(await talk.send("DELETE", path + "/never", as: .member, at: "2.38").status == 404)
        #expect(sent.withLock { $0 } == Array(repeating: "application/openstack-images-v2.1-json-patch", count: 2))
        #expect(await talk.get(path, as: .member, at: "2.39").status == 404)
    }

    @Test func securityGroupsHaveOnlyWhatComesIn() async throws {
        let rule = { (direction: String, min: JSON) -> JSON in
            [
                "id": .string(ProxyTests.id), "direction": .string(direction), "protocol": "tcp", "port_range_min": min,
                "port_range_max": min, "security_group_id": "g", "remote_group_id": .null, "remote_ip_prefix": .null,
            ]
        }
        let group: JSON = [
            "id": "g", "name": "web", "description": "", "tenant_id": "project-1",
            "security_group_rules": .array([rule("ingress", 80), rule("egress", .null), rule("ingress", .null)]),
        ]
        let talk = try await ProxyTests.talk(["GET /network/v2.0/security-groups": ["security_groups": [group]]])
        let shown = await talk.get("/os-security-groups", as: .reader, at: "2.1")["security_groups"]?.array?.first
        let rules = shown?["rules"]?.array ?? []
        #expect(rules.compactMap { $0["from_port"]?.integer } == [80, 1])
        #expect(rules.compactMap { $0["to_port"]?.integer } == [80, 65_535])
        #expect(rules.first?["ip_range"] == ["cidr": "0.0.0.0/0"])
        #expect(await talk.get("/os-security-groups/g", as: .reader, at: "2.1").status == 400)
    }

    private static let nonsense: [(rule: JSON, why: String)] = [
        (["ip_protocol": "tcp", "from_port": 22, "to_port": 21], "Former value"),
        (["ip_protocol": "tcp", "from_port": 0, "to_port": 21], "should be between 1-65535"),
        (["ip_protocol": "icmp", "from_port": 256, "to_port": 0], "type:code must be valid"),
        (["ip_protocol": "gre", "from_port": 1, "to_port": 2], "Invalid IP protocol"),
        (["ip_protocol": "tcp", "from_port": "a", "to_port": 2], "must be integers"),
        (["ip_protocol": "tcp", "from_port": 1, "to_port": 2, "cidr": "nowhere"], "Invalid cidr"),
        (["cidr": "10.0.0.0/8"], "Not enough parameters"),
    ]

    @Test(arguments: nonsense)
    func aRuleThatMakesNoSenseIsRefused(rule: JSON, why: String) async throws {
        let talk = try await ProxyTests.talk([
            "GET /network/v2.0/security-groups/\(ProxyTests.id)": ["security_group": ["id": .string(ProxyTests.id)]]
        ])
        var body = rule.object ?? JSON.Object()
        body["parent_group_id"] = .string(ProxyTests.id)
        let answer = await talk.send(
            "POST", "/os-security-group-rules", ["security_group_rule": .object(body)], as: .member, at: "2.1")
        #expect(answer.status == 400)
        #expect(answer.text.contains(why), "\(answer.text)")
    }

    @Test func aPoolIsANetworkThatLeadsOut() async throws {
        let talk = try await ProxyTests.talk([
            "GET /network/v2.0/networks": ["networks": [["id": "n", "name": "public"]]],
            "GET /network/v2.0/floatingips": [
                "floatingips": [
                    [
                        "id": "f", "floating_ip_address": "203.0.113.7", "fixed_ip_address": .null,
                        "floating_network_id": "n", "port_details": .null,
                    ]
                ]
            ],
        ])
        let pools = await talk.get("/os-floating-ip-pools", as: .reader, at: "2.1")
        #expect(pools["floating_ip_pools"] == [["name": "public"]])
        let ips = await talk.get("/os-floating-ips", as: .reader, at: "2.1")["floating_ips"]?.array
        #expect(ips?.first?["pool"] == "public")
        #expect(ips?.first?["instance_id"] == .null)
    }

    @Test func volumesAndNetworksHaveTheirOldNames() async throws {
        let talk = try await ProxyTests.talk([
            "GET /volume/v3/volumes/detail": ["volumes": [["id": "v", "name": "data", "size": 3, "attachments": []]]],
            "GET /network/v2.0/networks": ["networks": [["id": "n", "name": "net"]]],
        ])
        let volume = await talk.get("/os-volumes", as: .reader, at: "2.1")["volumes"]?.array?.first
        #expect(volume?["displayName"] == "data")
        #expect(volume?["attachments"] == [[:]])
        let networks = await talk.get("/os-tenant-networks", as: .reader, at: "2.1")["networks"]
        #expect(networks == [["id": "n", "cidr": "None", "label": "net"]])
    }
}
