import API
import Base
import CloudTesting
import Testing

@testable import Compute

@Suite struct HostTests {
    @Test func aServiceIsDisabledWithAReasonAndEnabledAgain() async throws {
        let talk = try await ComputeTalk()
        try await talk.host("one")
        let id = await talk.get("/os-services")["services"]?.array?.first?["id"]?.string ?? ""
        let off: JSON = ["status": "disabled", "disabled_reason": "repairs"]
        let disabled = await talk.send("PUT", "/os-services/\(id)", off)
        #expect(disabled["service"]?["status"] == "disabled")
        #expect(disabled["service"]?["disabled_reason"] == "repairs")
        #expect(await talk.get("/os-hypervisors")["hypervisors"]?.array?.first?["status"] == "disabled")
        let both: JSON = ["status": "enabled", "disabled_reason": "why"]
        #expect(await talk.send("PUT", "/os-services/\(id)", both).status == 400)
        #expect(await talk.send("PUT", "/os-services/\(id)", [:]).status == 400)
        let on = await talk.send("PUT", "/os-services/\(id)", ["status": "enabled"])
        #expect(on["service"]?["disabled_reason"] == .null)
    }

    @Test func whatIsForcedDownIsDown() async throws {
        let talk = try await ComputeTalk()
        try await talk.host("one")
        let order: JSON = ["host": "one", "binary": "nova-compute", "forced_down": true]
        let forced = await talk.send("PUT", "/os-services/force-down", order, at: "2.11")
        #expect(forced["service"]?["forced_down"] == true)
        #expect(await talk.get("/os-hypervisors")["hypervisors"]?.array?.first?["state"] == "down")
        #expect(await talk.send("PUT", "/os-services/force-down", order, at: "2.10").status == 400)
    }

    @Test func olderClientsSayTheHost() async throws {
        let talk = try await ComputeTalk()
        try await talk.host("one")
        let order: JSON = ["host": "one", "binary": "nova-compute", "disabled_reason": "repairs"]
        let done = await talk.send("PUT", "/os-services/disable-log-reason", order, at: "2.1")
        #expect(done["service"]?["disabled_reason"] == "repairs")
        let elsewhere: JSON = ["host": "two", "binary": "nova-compute"]
        #expect(await talk.send("PUT", "/os-services/enable", elsewhere, at: "2.1").status == 404)
        #expect(await talk.send("PUT", "/os-services/explode", order, at: "2.1").status == 404)
    }

    @Test func aServiceWithServersIsNotForgotten() async throws {
        let talk = try await ComputeTalk()
        try await talk.host("one")
        try await talk.host("two")
        try await talk.server(on: "one")
        let services = await talk.get("/os-services")["services"]?.array ?? []
        let ids = services.compactMap { $0["id"]?.string }
        #expect(await talk.send("DELETE", "/os-services/\(ids[0])").status == 409)
        #expect(await talk.send("DELETE", "/os-services/\(ids[1])").status == 204)
        #expect(await talk.get("/os-services")["services"]?.array?.count == 1)
    }

    @Test func hypervisorsSayWhatTheyHaveUntilPlacementDoes() async throws {
        let talk = try await ComputeTalk()
        try await talk.host("one", vcpus: 8)
        try await talk.server(on: "one", vcpus: 3)
        let old = await talk.get("/os-hypervisors/detail", at: "2.28")["hypervisors"]?.array?.first
        #expect(old?["id"] == 1)
        #expect(old?["vcpus_used"] == 3)
        #expect(old?["local_gb_used"] == 3)
        #expect(old?["cpu_info"]?["arch"] == "x86_64")
        let new = await talk.get("/os-hypervisors/detail")["hypervisors"]?.array?.first
        #expect(new?["vcpus"] == nil)
        #expect(new?["uptime"]?.string?.contains("up") == true)
        #expect(await talk.get("/os-hypervisors/statistics", at: "2.1")["hypervisor_statistics"]?["vcpus"] == 8)
        #expect(await talk.get("/os-hypervisors/1/uptime", at: "2.1")["hypervisor"]?["uptime"]?.string != nil)
    }

    @Test func hypervisorsAreFoundByAPartOfTheirNameWithTheirServers() async throws {
        let talk = try await ComputeTalk()
        try await talk.host("east-1")
        try await talk.host("west-1")
        let id = try await talk.server("web", on: "west-1")
        let found = await talk.get("/os-hypervisors?hypervisor_hostname_pattern=west&with_servers=true")
        #expect(found["hypervisors"]?.array?.count == 1)
        #expect(found["hypervisors"]?.array?.first?["servers"] == [["name": "web", "uuid": .string(id)]])
        #expect(await talk.get("/os-hypervisors?hypervisor_hostname_pattern=north").status == 404)
        #expect(await talk.get("/os-hypervisors/west/servers", at: "2.1")["hypervisors"]?.array?.count == 1)
    }

    @Test func hypervisorsComeInPages() async throws {
        let talk = try await ComputeTalk()
        for name in ["a", "b", "c"] { try await talk.host(name) }
        let first = await talk.get("/os-hypervisors?limit=2")
        #expect(first["hypervisors"]?.array?.count == 2)
        let next = first["hypervisors_links"]?.array?.first?["href"]?.string ?? ""
        let path = next.components(of: "/v2.1")
        let second = await talk.get(path)
        #expect(second["hypervisors"]?.array?.compactMap { $0["hypervisor_hostname"]?.string } == ["c"])
        #expect(second["hypervisors_links"] == nil)
    }

    @Test func hostsSayWhatEachProjectUses() async throws {
        let talk = try await ComputeTalk()
        try await talk.host("one", vcpus: 8)
        try await talk.server(on: "one", vcpus: 3)
        let resources = await talk.get("/os-hosts/one", at: "2.42")["host"]?.array?.compactMap { $0["resource"] } ?? []
        #expect(resources.compactMap { $0["project"]?.string } == ["(total)", "(used_now)", "(used_max)", "project-1"])
        #expect(resources.last?["cpu"] == 3)
        #expect(await talk.get("/os-hosts/none", at: "2.42").status == 404)
        #expect(await talk.get("/os-hosts/one/reboot", at: "2.42").status == 501)
        #expect(await talk.get("/os-hosts", at: "2.43").status == 404)
    }
}

extension String {
    /// What stands behind a part of it.
    fileprivate func components(of part: String) -> String {
        guard let range = firstRange(of: part) else { return self }
        return String(self[range.upperBound...])
    }
}
