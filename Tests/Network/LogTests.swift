import Base
import CloudTesting
import Contracts
import SQL
import Testing

@testable import Network

@Suite struct LogTests {
    private func group(_ talk: NetworkTalk) async -> String {
        await talk.make("security_group", at: "/security-groups", ["name": "g"], as: .manager)["id"]?.string ?? ""
    }

    private func log(_ talk: NetworkTalk, _ fields: JSON, as persona: Persona = .manager) async -> Answer {
        await talk.post("/log/logs", ["log": fields], as: persona)
    }

    @Test func aLogGoesWithItsGroup() async throws {
        let talk = try await NetworkTalk()
        let group = await group(talk)
        let made = await log(talk, ["resource_type": "security_group", "resource_id": .string(group), "name": "l"])
        #expect(made.status == 201, "\(made.text)")
        #expect(made["log"]?["event"] == "ALL")
        #expect(made["log"]?["enabled"] == true)
        let path = "/log/logs/\(made["log"]?["id"]?.string ?? "")"
        #expect(await talk.put(path, ["log": ["enabled": false]], as: .manager)["log"]?["enabled"] == false)
        #expect(await talk.put(path, ["log": ["event": "DROP"]], as: .manager).status == 400)
        #expect(await talk.get("/log/logs?resource_id=\(group)", as: .manager)["logs"]?.array?.count == 1)
        #expect(await talk.get(path, as: .stranger).status == 404)
        #expect(await talk.delete("/security-groups/\(group)", as: .manager).status == 204)
        #expect(await talk.get(path, as: .manager).status == 404)
    }

    @Test func whatCannotBeLoggedIsRefused() async throws {
        let talk = try await NetworkTalk()
        let nothing: JSON = "00000000-0000-4000-8000-000000000000"
        #expect(await log(talk, ["resource_type": "router"]).errorType == "InvalidLogResourceType")
        #expect(await log(talk, ["resource_type": "security_group", "resource_id": nothing]).status == 404)
        #expect(await log(talk, ["resource_type": "security_group", "target_id": nothing]).status == 404)
        #expect(await log(talk, ["resource_type": "security_group", "event": "NONE"]).status == 400)
        #expect(await log(talk, ["resource_type": "security_group"], as: .member).status == 403)
        let port = await talk.port(on: await talk.network())["port"]?["id"] ?? .null
        let apart: JSON = [
            "resource_type": "security_group", "resource_id": .string(await group(talk)), "target_id": port,
        ]
        #expect(await log(talk, apart).errorType == "InvalidResourceConstraint")
        let known = await talk.get("/log/loggable-resources", as: .manager)["loggable_resources"]
        #expect(known == [["type": "security_group"]])
    }

    @Test func hostsAreToldWhosePacketsToWriteDown() async throws {
        let talk = try await NetworkTalk()
        let network = await talk.network()
        var ports: [String] = []
        for _ in 0..<2 {
            let wish: JSON = [
                "network_id": .string(network), "binding:host_id": "node-1", "project_id": "project-1",
                "device_owner": "compute:nova",
            ]
            ports.append(await talk.make("port", at: "/ports", wish, as: .admin)["id"]?.string ?? "")
        }
        let only: JSON = [
            "resource_type": "security_group", "target_id": .string(ports[1]), "event": "DROP",
            "project_id": "project-1",
        ]
        let made = await log(talk, only, as: .admin)
        #expect(made.status == 201, "\(made.text)")
        let wired = try await talk.service.database.read { try HostNetwork(of: "node-1", $0).ports }
        #expect(wired.first { $0.id == ports[0] }?.logs == [])
        let logs = wired.first { $0.id == ports[1] }?.logs ?? []
        #expect(logs.map(\.dropped) == [true])
        #expect(logs.map(\.accepted) == [false])
    }
}
