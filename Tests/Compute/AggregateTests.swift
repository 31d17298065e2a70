import API
import Base
import CloudTesting
import HTTP
import Synchronization
import Testing

@testable import Compute

@Suite struct AggregateTests {
    private static func aggregate(_ talk: ComputeTalk, _ name: String, zone: String? = nil) async -> Int {
        let wish: JSON = ["aggregate": ["name": .string(name), "availability_zone": JSON(zone)]]
        let made = await talk.send("POST", "/os-aggregates", wish)
        return (made["aggregate"]?["id"]?.integer).map { Int($0) } ?? -1
    }

    private static func act(_ talk: ComputeTalk, _ id: Int, _ name: String, _ body: JSON) async -> Answer {
        await talk.send(
            "POST", "/os-aggregates/\(id)/action", .object(JSON.Object([.init(name: name, value: body)])))
    }

    @Test func aHostIsInTheZoneOfItsAggregate() async throws {
        let talk = try await ComputeTalk()
        try await talk.host("one")
        try await talk.host("two")
        let north = await AggregateTests.aggregate(talk, "north", zone: "north")
        let added = await AggregateTests.act(talk, north, "add_host", ["host": "one"])
        #expect(added["aggregate"]?["hosts"] == ["one"])
        let zones = await talk.get("/os-availability-zone", as: .reader)["availabilityZoneInfo"]?.array ?? []
        #expect(zones.compactMap { $0["zoneName"]?.string } == ["north", "nova"])
        let services = await talk.get("/os-services?host=one")["services"]?.array ?? []
        #expect(services.first?["zone"] == "north")

        let south = await AggregateTests.aggregate(talk, "south", zone: "south")
        let refused = await AggregateTests.act(talk, south, "add_host", ["host": "one"])
        #expect(refused.status == 409)
        #expect(refused.text.contains("already in availability zone"))
    }

    @Test func placementIsToldWhichAggregatesAHostIsIn() async throws {
        let told = Mutex<[JSON]>([])
        let talk = try await ComputeTalk { request in
            if request.method == "PUT", request.path.hasSuffix("/aggregates") {
                let body: JSON = ["path": .string(request.path)]
                told.withLock { $0.append(body) }
            }
            return (200, ["generation": 7])
        }
        try await talk.host("one")
        let id = await AggregateTests.aggregate(talk, "fast")
        _ = await AggregateTests.act(talk, id, "add_host", ["host": "one"])
        _ = await AggregateTests.act(talk, id, "remove_host", ["host": "one"])
        #expect(told.withLock { $0.count } == 2)
    }

    @Test func metadataAreSetAndTakenAway() async throws {
        let talk = try await ComputeTalk()
        let id = await AggregateTests.aggregate(talk, "fast")
        _ = await AggregateTests.act(talk, id, "set_metadata", ["metadata": ["ssd": "true", "gpu": "no"]])
        let left = await AggregateTests.act(talk, id, "set_metadata", ["metadata": ["gpu": .null]])
        #expect(left["aggregate"]?["metadata"] == ["ssd": "true"])
    }

    @Test func whatIsInUseStays() async throws {
        let talk = try await ComputeTalk()
        try await talk.host("one")
        let id = await AggregateTests.aggregate(talk, "north", zone: "north")
        _ = await AggregateTests.act(talk, id, "add_host", ["host": "one"])
        #expect(await talk.send("DELETE", "/os-aggregates/\(id)").status == 400)
        try await talk.server(on: "one")
        #expect(await AggregateTests.act(talk, id, "remove_host", ["host": "one"]).status == 409)
        let moved: JSON = ["aggregate": ["availability_zone": "south"]]
        #expect(await talk.send("PUT", "/os-aggregates/\(id)", moved).status == 400)
    }

    @Test func wrongsAreToldApart() async throws {
        let talk = try await ComputeTalk()
        let id = await AggregateTests.aggregate(talk, "fast")
        #expect(await talk.send("POST", "/os-aggregates", ["aggregate": ["name": "fast"]]).status == 409)
        #expect(await talk.get("/os-aggregates/999").status == 404)
        #expect(await talk.get("/os-aggregates/none").status == 400)
        #expect(await AggregateTests.act(talk, id, "add_host", ["host": "nowhere"]).status == 404)
        #expect(await AggregateTests.act(talk, id, "remove_host", ["host": "nowhere"]).status == 404)
    }

    @Test func itsIDIsShownFrom241() async throws {
        let talk = try await ComputeTalk()
        let id = await AggregateTests.aggregate(talk, "fast")
        #expect(await talk.get("/os-aggregates/\(id)", at: "2.40")["aggregate"]?["uuid"] == nil)
        #expect(await talk.get("/os-aggregates/\(id)", at: "2.41")["aggregate"]?["uuid"]?.string != nil)
    }
}
