import Base
import CloudTesting
import Testing

@testable import Network

/// Numbers on the wire that administrators keep for a project's networks.
@Suite struct SegmentRangeTests {
    let talk: NetworkTalk

    init() async throws { talk = try await NetworkTalk() }

    private func range(_ low: Int, _ high: Int, of project: JSON? = "project-1", as persona: Persona = .admin) async
        -> Answer
    {
        let body: JSON = [
            "name": "r", "network_type": "vxlan", "minimum": .number(low), "maximum": .number(high),
            "shared": .bool(project == nil), "project_id": project ?? "",
        ]
        return await talk.post("/network-segment-ranges", ["network_segment_range": body], as: persona)
    }

    private func number(as persona: Persona = .member) async -> Int64? {
        let id = await talk.network(as: persona)
        return await talk.get("/networks/\(id)", as: .admin)["network"]?["provider:segmentation_id"]?.integer
    }

    @Test func aProjectsNetworksGetItsOwnNumbersFirst() async {
        #expect(await range(1_100, 1_101).status == 201)
        #expect(await number() == 1_100)
        #expect(await number() == 1_101)
        // What is full is followed by what is everybody's.
        #expect(await number() == 1)
        #expect(await number(as: .stranger) == 2)
    }

    @Test func whatIsKeptForOneIsNobodyElses() async {
        #expect(await range(1, 3).status == 201)
        #expect(await number(as: .stranger) == 4)
        #expect(await number() == 1)
    }

    @Test func whatIsUsedStays() async {
        let made = await range(1_100, 1_105)["network_segment_range"]
        #expect(made?["default"] == false)
        let path = "/network-segment-ranges/\(made?["id"]?.string ?? "")"
        let network = await talk.network()
        let shown = await talk.get(path, as: .admin)["network_segment_range"]
        #expect(shown?["used"] == ["1100": "project-1"])
        #expect(shown?["available"] == [1_101, 1_102, 1_103, 1_104, 1_105])
        #expect(await talk.delete(path, as: .admin).errorType == "NetworkSegmentRangeReferencedByProject")
        let narrow = { (low: Int) in
            await talk.put(path, ["network_segment_range": ["minimum": .number(low)]], as: .admin)
        }
        #expect(await narrow(1_101).errorType == "NetworkSegmentRangeReferencedByProject")
        #expect(await narrow(1_050)["network_segment_range"]?["minimum"] == 1_050)
        #expect(await talk.delete("/networks/\(network)").status == 204)
        #expect(await talk.delete(path, as: .admin).status == 204)
        #expect(await talk.get(path, as: .admin).status == 404)
    }

    @Test func rangesAreOrderlyAndApart() async {
        #expect(await range(1_100, 1_105).status == 201)
        #expect(await range(1_105, 1_110, of: "project-2").errorType == "NetworkSegmentRangeOverlaps")
        #expect(await range(10, 9).status == 400)
        #expect(await range(1, 16_777_216).status == 400)
        #expect(await range(2_000, 2_001, of: nil)["network_segment_range"]?["project_id"] == .null)
        let vlan: JSON = [
            "network_segment_range": ["name": "v", "network_type": "vlan", "minimum": 10, "maximum": 20]
        ]
        #expect(await talk.post("/network-segment-ranges", vlan, as: .admin).status == 400)
    }

    @Test func theSettingsRangesAreShownAndStay() async {
        let list = await talk.get("/network-segment-ranges?network_type=vxlan", as: .admin)
        let ranges = list["network_segment_ranges"]?.array ?? []
        #expect(ranges.map { $0["default"] } == [true])
        #expect(ranges.first?["maximum"] == 4_000)
        let path = "/network-segment-ranges/\(ranges.first?["id"]?.string ?? "")"
        #expect(await talk.delete(path, as: .admin).errorType == "NetworkSegmentRangeDefaultReadOnly")
        let again = await talk.get("/network-segment-ranges?network_type=vxlan", as: .admin)
        #expect(again["network_segment_ranges"] == list["network_segment_ranges"])
    }

    @Test func rangesAreForAdministrators() async {
        #expect(await range(1_100, 1_105, as: .member).status == 403)
        #expect(
            await talk.get("/network-segment-ranges", as: .member)["network_segment_ranges"]?.array?.isEmpty == true)
    }
}
