import Base
import CloudTesting
import Contracts
import SQL
import Testing

@testable import Network

@Suite struct TapTests {
    private func port(_ talk: NetworkTalk, on network: String, host: String) async -> String {
        let wish: JSON = [
            "network_id": .string(network), "binding:host_id": .string(host), "project_id": "project-1",
            "device_owner": "compute:nova",
        ]
        return await talk.make("port", at: "/ports", wish, as: .admin)["id"]?.string ?? ""
    }

    private func service(_ talk: NetworkTalk, at port: String, as persona: Persona = .member) async -> Answer {
        await talk.post("/taas/tap_services", ["tap_service": ["port_id": .string(port)]], as: persona)
    }

    private func flow(_ talk: NetworkTalk, _ fields: JSON) async -> Answer {
        await talk.post("/taas/tap_flows", ["tap_flow": fields])
    }

    @Test func whatGoesOverAPortIsCopiedToOneOfTheSameHost() async throws {
        let talk = try await NetworkTalk()
        let network = await talk.network()
        let ports = [
            await port(talk, on: network, host: "node-1"), await port(talk, on: network, host: "node-1"),
            await port(talk, on: network, host: "node-2"),
        ]
        let made = await service(talk, at: ports[0])
        #expect(made.status == 201, "\(made.text)")
        #expect(made["tap_service"]?["status"] == "ACTIVE")
        let id = made["tap_service"]?["id"] ?? .null
        for (source, status) in [(ports[1], "ACTIVE"), (ports[2], "DOWN")] {
            let flow = await flow(
                talk,
                [
                    "tap_service_id": id, "source_port": .string(source), "direction": "BOTH",
                    "vlan_filter": "189,279,999-1008",
                ])
            #expect(flow.status == 201, "\(flow.text)")
            #expect(flow["tap_flow"]?["status"]?.string == status)
            #expect(flow["tap_flow"]?["vlan_filter"] == "189,279,999-1008")
        }
        let wired = try await talk.service.database.read { try HostNetwork(of: "node-1", $0).ports }
        #expect(
            wired.first { $0.id == ports[1] }?.mirrors
                == [WirePort.Mirror(to: ports[0], incoming: true, outgoing: true, vlans: "189,279,999-1008")])
        #expect(await talk.delete("/ports/\(ports[1])", as: .admin).status == 204)
        #expect(await talk.get("/taas/tap_flows")["tap_flows"]?.array?.count == 1)
        #expect(await talk.delete("/ports/\(ports[0])", as: .admin).status == 204)
        #expect(await talk.get("/taas/tap_services")["tap_services"] == [])
        #expect(await talk.get("/taas/tap_flows")["tap_flows"] == [])
    }

    @Test func nobodyListensToOthers() async throws {
        let talk = try await NetworkTalk()
        let network = await talk.network()
        let own = await port(talk, on: network, host: "node-1")
        #expect(await service(talk, at: own, as: .stranger).status == 404)
        #expect(await service(talk, at: own, as: .reader).status == 403)
        #expect(await service(talk, at: own, as: .admin).status == 403)
        let made = await service(talk, at: own)["tap_service"]?["id"] ?? .null
        #expect(await talk.get("/taas/tap_services/\(made.string ?? "")", as: .stranger).status == 404)
        for wrong in ["4096", "1-", "9-1", "a", "1,,2"] {
            let answer = await flow(
                talk,
                [
                    "tap_service_id": made, "source_port": .string(own), "direction": "IN",
                    "vlan_filter": .string(wrong),
                ])
            #expect(answer.status == 400, "\(wrong)")
        }
        #expect(
            await flow(talk, ["tap_service_id": made, "source_port": .string(own), "direction": "UP"]).status == 400)
    }
}
