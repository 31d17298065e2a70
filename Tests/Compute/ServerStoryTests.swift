import API
import Base
import CloudTesting
import HTTP
import SQL
import Testing

@testable import Compute

@Suite struct ServerStoryTests {
    @Test func whatWasDoneWithAServerIsKept() async throws {
        let talk = try await ComputeTalk()
        let id = try await talk.server()
        #expect(await talk.send("POST", "/servers/\(id)/action", ["lock": .null], as: .member).status == 202)
        let path = "/servers/\(id)/os-instance-actions"
        let list = await talk.get(path, as: .reader)["instanceActions"]?.array ?? []
        #expect(list.compactMap { $0["action"]?.string } == ["lock"])
        let request = list.first?["request_id"]?.string ?? ""
        let one = await talk.get("\(path)/\(request)", as: .reader)
        #expect(one["instanceAction"]?["user_id"] == "member-user")
        #expect(one["instanceAction"]?["events"] == [])
        #expect(await talk.get("\(path)/\(request)", as: .reader, at: "2.50")["instanceAction"]?["events"] == nil)
        #expect(await talk.get("\(path)/req-none", as: .reader).status == 404)
    }

    @Test func whatIsRefusedIsNoEvent() async throws {
        let talk = try await ComputeTalk()
        let id = try await talk.server(state: .stopped)
        #expect(await talk.send("POST", "/servers/\(id)/action", ["pause": .null], as: .member).status == 409)
        #expect(await talk.get("/servers/\(id)/os-instance-actions")["instanceActions"] == [])
    }

    @Test func aDeletedServersStoryIsToldFrom221() async throws {
        let talk = try await ComputeTalk()
        let id = try await talk.server(state: .deleted)
        #expect(await talk.get("/servers/\(id)/os-instance-actions", at: "2.20").status == 404)
        #expect(await talk.get("/servers/\(id)/os-instance-actions", at: "2.21").status == 200)
    }

    @Test func tagsAreSetAskedForAndTakenAway() async throws {
        let talk = try await ComputeTalk()
        let path = "/servers/\(try await talk.server())/tags"
        #expect(await talk.send("PUT", path, ["tags": ["a", "b", "a"]], as: .member)["tags"] == ["a", "b"])
        #expect(await talk.send("PUT", path + "/c", as: .member).status == 201)
        #expect(await talk.send("PUT", path + "/c", as: .member).status == 204)
        #expect(await talk.get(path + "/c", as: .reader).status == 204)
        #expect(await talk.send("DELETE", path + "/c", as: .member).status == 204)
        #expect(await talk.send("DELETE", path + "/c", as: .member).status == 404)
        #expect(await talk.send("PUT", path + "/a,b", as: .member).status == 400)
        #expect(await talk.send("PUT", path + "/d", as: .reader).status == 403)
        #expect(await talk.send("DELETE", path, as: .member).status == 204)
        #expect(await talk.get(path, as: .reader)["tags"] == [])
        #expect(await talk.get(path, as: .reader, at: "2.25").status == 404)
    }

    @Test func usageIsWhatServersRanFor() async throws {
        let talk = try await ComputeTalk()
        try await talk.server(vcpus: 2)
        let mine = await talk.get("/os-simple-tenant-usage/project-1?start=2020-01-01T00:00:00", as: .reader)
        let usage = mine["tenant_usage"]
        #expect(abs((usage?["total_hours"]?.looseNumber ?? 0) - 1) < 0.01)
        #expect(abs((usage?["total_vcpus_usage"]?.looseNumber ?? 0) - 2) < 0.02)
        #expect(usage?["server_usages"]?.array?.first?["local_gb"] == 3)
        #expect(await talk.get("/os-simple-tenant-usage/project-1", as: .stranger).status == 403)
        let all = await talk.get("/os-simple-tenant-usage?start=2020-01-01T00:00:00&detailed=0")
        #expect(all["tenant_usages"]?.array?.first?["tenant_id"] == "project-1")
        #expect(all["tenant_usages"]?.array?.first?["server_usages"] == nil)
        #expect(await talk.get("/os-simple-tenant-usage?start=yesterday").status == 400)
        let backwards = "/os-simple-tenant-usage?start=2024-01-02T00:00:00&end=2024-01-01T00:00:00"
        #expect(await talk.get(backwards).status == 400)
    }

    @Test func usageComesInPages() async throws {
        let talk = try await ComputeTalk()
        for number in 1...3 { try await talk.server("s\(number)") }
        let path = "/os-simple-tenant-usage/project-1?start=2020-01-01T00:00:00&limit=2"
        let first = await talk.get(path, as: .reader)
        #expect(first["tenant_usage"]?["server_usages"]?.array?.count == 2)
        #expect(first["tenant_usage_links"]?.array?.count == 1)
        let last = first["tenant_usage"]?["server_usages"]?.array?.last?["instance_id"]?.string ?? ""
        let second = await talk.get(path + "&marker=\(last)", as: .reader)
        #expect(second["tenant_usage"]?["server_usages"]?.array?.count == 1)
        #expect(await talk.get(path + "&marker=none", as: .reader).status == 400)
    }

    @Test func eventsFromElsewhereAreAnsweredOneByOne() async throws {
        let talk = try await ComputeTalk { request in
            request.path.hasSuffix("/ports") ? (200, ["ports": []]) : (200, [:])
        }
        let (here, nowhere) = (try await talk.server(on: "one"), try await talk.server())
        let absent = "11111111-2222-4333-8444-555555555555"
        let event = { (server: String, name: JSON) -> JSON in ["server_uuid": .string(server), "name": name] }
        let body: JSON = [
            "events": [
                event(here, "network-changed"), event(nowhere, "network-changed"), event(absent, "network-changed"),
                event(here, "volume-extended"),
            ]
        ]
        let answer = await talk.send("POST", "/os-server-external-events", body, as: .service)
        #expect(answer.status == 207)
        #expect(answer["events"]?.array?.compactMap { $0["code"]?.integer } == [200, 422, 404, 400])
        #expect(await talk.send("POST", "/os-server-external-events", body, as: .member).status == 403)
    }

    @Test func aVolumeThatHasGrownIsNotedWithTheServerThatHasIt() async throws {
        let talk = try await ComputeTalk { _ in (200, [:]) }
        let server = try await talk.server(on: "one")
        let now = talk.world.now
        try await talk.database.write { tx in
            try tx.change(ID<Server>(server), at: now) {
                $0.volumes = [ServerVolume(id: "1", source: .volume, volume: "of-it")]
            }
            return
        }
        let grow = { (volume: String) -> JSON in
            ["events": [["server_uuid": .string(server), "name": "volume-extended", "tag": .string(volume)]]]
        }
        for volume in ["another", "of-it"] {
            let answer = await talk.send("POST", "/os-server-external-events", grow(volume), as: .service)
            #expect(answer.status == 200)
        }
        let actions = await talk.get("/servers/\(server)/os-instance-actions")["instanceActions"]?.array
        #expect(actions?.map { $0["action"] } == ["extend_volume"])
    }

    @Test func parametersThatNobodyKnowsAreRefusedFrom275On() async throws {
        let talk = try await ComputeTalk()
        for path in ["/servers", "/servers/detail", "/flavors", "/os-keypairs", "/limits", "/os-services"] {
            #expect(await talk.get(path + "?colour=red", at: "2.75").status == 400, "\(path)")
            #expect(await talk.get(path + "?colour=red", at: "2.74").status == 200, "\(path)")
        }
        #expect(await talk.get("/servers?_colour=red&name=x&soft_deleted=1").status == 200)
    }

    @Test func whatIsGoneSaysSo() async throws {
        let talk = try await ComputeTalk()
        for path in ["/os-cells", "/os-fping", "/os-agents", "/os-cloudpipe"] {
            #expect(await talk.get(path).status == 410)
        }
    }
}

@Suite struct ServerAddressTests {
    @Test func anAddressIsShownInItsOneSpelling() async throws {
        let talk = try await ComputeTalk()
        let id = try await talk.server()
        let change: JSON = ["server": ["accessIPv6": "0000:0000:0000:0000:0000:babe:220.12.22.2"]]
        let changed = await talk.send("PUT", "/servers/\(id)", change, as: .member)
        #expect(changed["server"]?["accessIPv6"] == "::babe:dc0c:1602")
    }
}
