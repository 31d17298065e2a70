import Base
import Foundation
import Testing
import Trace

@testable import Cloud

@Suite struct FirstServerTests {
    /// What a server needs: a flavor, an image, a network with a subnet. Answers with the body that asks for one.
    private func order(_ cloud: RunningCloud, disk: Int = 1, vcpus: Int = 1) async throws -> JSON {
        let flavor: JSON = ["name": "small", "id": "1", "ram": 128, "vcpus": JSON(vcpus), "disk": JSON(disk)]
        #expect(try await cloud.send("POST", "/compute/v2.1/flavors", ["flavor": flavor]).status == 200)
        let wish: JSON = ["name": "guest", "disk_format": "raw", "container_format": "bare"]
        let image = try await cloud.send("POST", "/image/v2/images", wish).json
        let imageID = try #require(image["id"]?.string)
        let upload = try await cloud.send(
            "PUT", "/image/v2/images/\(imageID)/file", bytes: [UInt8](repeating: 7, count: 4_096))
        #expect(upload.status == 204)
        let network = try await cloud.send("POST", "/network/v2.0/networks", ["network": ["name": "net"]]).json
        let networkID = try #require(network["network"]?["id"]?.string)
        let subnet: JSON = ["network_id": .string(networkID), "ip_version": 4, "cidr": "10.9.0.0/24"]
        #expect(try await cloud.send("POST", "/network/v2.0/subnets", ["subnet": subnet]).status == 201)
        return [
            "server": [
                "name": "first", "flavorRef": "1", "imageRef": .string(imageID),
                "networks": [["uuid": .string(networkID)]],
            ]
        ]
    }

    @Test func aServerComesUpWithAnAddressAndLeavesNothingBehind() async throws {
        try await RunningCloud.with { cloud in
            let made = try await cloud.send("POST", "/compute/v2.1/servers", order(cloud))
            #expect(made.status == 202)
            let id = try #require(made.json["server"]?["id"]?.string)

            let up = try await cloud.wait(for: "/compute/v2.1/servers/\(id)") { _, json in
                json["server"]?["status"]?.string != "BUILD"
            }
            #expect(up["server"]?["status"] == "ACTIVE")
            #expect(up["server"]?["addresses"]?["net"]?.array?.first?["addr"] == "10.9.0.3")
            let held = try await cloud.send("GET", "/placement/allocations/\(id)").json
            #expect(held["allocations"]?.object?.members.count == 1)

            #expect(try await cloud.send("DELETE", "/compute/v2.1/servers/\(id)").status == 204)
            _ = try await cloud.wait(for: "/compute/v2.1/servers/\(id)") { status, _ in status == 404 }
            #expect(
                try await cloud.send("GET", "/network/v2.0/ports?device_id=\(id)").json["ports"]?.array?.isEmpty == true
            )
            let left = try await cloud.send("GET", "/placement/allocations/\(id)").json
            #expect(left["allocations"]?.object?.members.isEmpty == true)
        }
    }

    @Test func aServerDeletedWhileItIsBuiltLeavesNothingBehind() async throws {
        try await RunningCloud.with { cloud in
            let made = try await cloud.send("POST", "/compute/v2.1/servers", order(cloud))
            let id = try #require(made.json["server"]?["id"]?.string)
            #expect(try await cloud.send("DELETE", "/compute/v2.1/servers/\(id)").status == 204)
            _ = try await cloud.wait(for: "/compute/v2.1/servers/\(id)") { status, _ in status == 404 }
            #expect(
                try await cloud.send("GET", "/network/v2.0/ports?device_id=\(id)").json["ports"]?.array?.isEmpty == true
            )
            let left = try await cloud.send("GET", "/placement/allocations/\(id)").json
            #expect(left["allocations"]?.object?.members.isEmpty == true)
        }
    }

    @Test func aServerThatFitsNowhereSaysWhy() async throws {
        try await RunningCloud.with { cloud in
            let made = try await cloud.send("POST", "/compute/v2.1/servers", order(cloud, disk: 1_000_000))
            let id = try #require(made.json["server"]?["id"]?.string)
            let failed = try await cloud.wait(for: "/compute/v2.1/servers/\(id)") { _, json in
                json["server"]?["status"]?.string != "BUILD"
            }
            #expect(failed["server"]?["status"] == "ERROR")
            let fault = failed["server"]?["fault"]?["message"]?.string ?? ""
            #expect(fault.contains("No valid host was found"))
            #expect(fault.contains("1000000 GB of disk"))
        }
    }

    @Test func whatGoesBeyondTheQuotaIsRefused() async throws {
        try await RunningCloud.with { cloud in
            let made = try await cloud.send("POST", "/compute/v2.1/servers", order(cloud, vcpus: 21))
            #expect(made.status == 403)
            #expect(made.json["forbidden"]?["message"]?.string?.contains("Quota exceeded for cores") == true)
            #expect(try await cloud.send("GET", "/compute/v2.1/servers").json["servers"]?.array?.isEmpty == true)
        }
    }

    @Test func whoFollowsABuildIsToldEachStepOnceAndNotKeptWaiting() async throws {
        try await RunningCloud.with { cloud in
            let settings = cloud.cloud.settings
            let made = try await cloud.send("POST", "/compute/v2.1/servers", order(cloud))
            let id = try #require(made.json["server"]?["id"]?.string)
            var told: [Span] = []
            try await Cloud.follow(id, settings) { told += $0 }
            let shown = try await cloud.send("GET", "/compute/v2.1/servers/\(id)").json
            #expect(shown["server"]?["status"] == "ACTIVE")
            #expect(told.contains { $0.name == "choose a host" && $0.kind == .step })
            #expect(told.contains { $0.kind == .hypervisor && $0.name.hasPrefix("make the guest") })
            #expect(Set(told.map(\.id)).count == told.count)
            // Of what is over there is nothing to wait for.
            var again: [Span] = []
            try await Cloud.follow(id, settings) { again += $0 }
            #expect(again.count >= told.count)
            await #expect(throws: Failure.self) { try await Cloud.follow("nobody", settings) { _ in } }
        }
    }

    @Test func theStoryOfABootIsKeptAfterTheServerIsGone() async throws {
        try await RunningCloud.with { cloud in
            let made = try await cloud.send("POST", "/compute/v2.1/servers", order(cloud))
            let id = try #require(made.json["server"]?["id"]?.string)
            _ = try await cloud.wait(for: "/compute/v2.1/servers/\(id)") { _, json in
                json["server"]?["status"] == "ACTIVE"
            }
            try await cloud.send("DELETE", "/compute/v2.1/servers/\(id)")
            _ = try await cloud.wait(for: "/compute/v2.1/servers/\(id)") { status, _ in status == 404 }
            // From the user's token to the guest; it has no volumes, so block storage wasn't asked.
            let whole = Array(1...25) + [29]
            var spans: [Span] = []
            // What ends after the server is there is told as it ends.
            for _ in 0..<600 {
                spans = try await Cloud.spans(about: id, cloud.cloud.settings)
                if BootStory(spans, view: .steps).lines.map(\.number) == whole { break }
                try await Task.sleep(for: .milliseconds(50))
            }
            #expect(BootStory(spans, view: .steps).lines.map(\.number) == whole)
            #expect(BootStory(spans, view: .brief).untold.isEmpty)
        }
    }
}
