import Base
import CloudTesting
import Testing
import Workflow

@testable import BlockStorage

/// Volumes that go from one backend to another.
@Suite struct MoveTests {
    private func place(of volume: String, _ talk: VolumeTalk) async -> String? {
        await talk.get("/volumes/\(volume)", as: .admin)["volume"]?["os-vol-host-attr:host"]?.string
    }

    private func migration(of volume: String, _ talk: VolumeTalk) async -> String? {
        await talk.get("/volumes/\(volume)", as: .admin)["volume"]?["migration_status"]?.string
    }

    private func type(on backend: String, _ talk: VolumeTalk) async throws -> String {
        let made = await talk.send(
            "POST", "/types",
            [
                "volume_type": [
                    "name": .string("type-\(backend)"), "extra_specs": ["volume_backend_name": .string(backend)],
                ]
            ], as: .admin)
        #expect(made.status == 200, "\(made.text)")
        return "type-\(backend)"
    }

    private func begin(_ talk: VolumeTalk) async throws -> String {
        try await talk.volume(["volume_type": .string(try await type(on: "simulated", talk))])
    }

    private func migrate(_ volume: String, to host: String, _ talk: VolumeTalk) async -> Answer {
        await talk.send("POST", "/volumes/\(volume)/action", ["os-migrate_volume": ["host": .string(host)]], as: .admin)
    }

    @Test func aTypeOfAnotherBackendTakesTheVolumeThere() async throws {
        try await VolumeTalk.with(otherBackend: true) { talk in
            let volume = try await begin(talk)
            let type = try await type(on: "other", talk)
            #expect(await place(of: volume, talk) == "node@simulated#simulated")
            let answer = await talk.send(
                "POST", "/volumes/\(volume)/action",
                ["os-retype": ["new_type": .string(type), "migration_policy": "on-demand"]])
            #expect(answer.status == 202, "\(answer.text)")
            #expect(await talk.status("/volumes/\(volume)") == "retyping")
            try await talk.settle()
            #expect(await talk.status("/volumes/\(volume)") == "available")
            #expect(await place(of: volume, talk) == "node@other#other")
            #expect(await migration(of: volume, talk) == "success")
            #expect(await talk.get("/volumes/\(volume)")["volume"]?["volume_type"]?.string == type)
            #expect(try await talk.stored().isEmpty)
            #expect(try await talk.storedElsewhere() == ["volume-\(volume)"])
        }
    }

    @Test func withoutLeaveToMoveTheTypeStaysAsItWas() async throws {
        try await VolumeTalk.with(otherBackend: true) { talk in
            let volume = try await begin(talk)
            let type = try await type(on: "other", talk)
            for policy: JSON in ["never", nil] {
                let answer = await talk.send(
                    "POST", "/volumes/\(volume)/action",
                    ["os-retype": ["new_type": .string(type), "migration_policy": policy]])
                #expect(answer.status == 409, "\(answer.text)")
            }
            #expect(await place(of: volume, talk) == "node@simulated#simulated")
        }
    }

    @Test func aVolumeIsMovedAndMovedBack() async throws {
        try await VolumeTalk.with(otherBackend: true) { talk in
            let volume = try await talk.volume(["size": 2])
            let first = try #require(await place(of: volume, talk))
            let second = first.hasPrefix("node@other") ? "node@simulated#simulated" : "node@other#other"
            for target in [second, first] {
                #expect(await migrate(volume, to: target, talk).status == 202)
                #expect(await talk.status("/volumes/\(volume)") == "maintenance")
                try await talk.settle()
                #expect(await place(of: volume, talk) == target)
                #expect(await talk.status("/volumes/\(volume)") == "available")
            }
            let stored = try await talk.stored() + talk.storedElsewhere()
            #expect(stored == ["volume-\(volume)"])
            #expect(await talk.send("DELETE", "/volumes/\(volume)").status == 202)
        }
    }

    @Test func whatCannotBeMovedIsSaidBeforeAnythingHappens() async throws {
        try await VolumeTalk.with(otherBackend: true) { talk in
            let typed = try await begin(talk)
            #expect(await migrate(typed, to: "node@simulated#simulated", talk).status == 400)
            #expect(await migrate(typed, to: "elsewhere@other", talk).status == 400)
            #expect(await migrate(typed, to: "node@other", talk).status == 409)
            let volume = try await talk.volume()
            _ = try await talk.snapshot(of: volume)
            for target in ["node@simulated", "node@other"] {
                #expect(await migrate(volume, to: target, talk).status == 400)
            }
            #expect(await talk.status("/volumes/\(volume)") == "available")
        }
    }

    private struct Moment: Sendable, CustomTestStringConvertible {
        let step: String
        let point: WorkflowRunner.FaultPoint

        var testDescription: String { "\(point) \(step)" }

        static let reversible: [Moment] = MoveVolume.steps.prefix(2).flatMap { step in
            WorkflowRunner.FaultPoint.allCases.map { Moment(step: step.name, point: $0) }
        }
    }

    @Test(arguments: Moment.reversible)
    private func aMoveThatFailsLeavesTheVolumeWhereItWas(_ moment: Moment) async throws {
        let fault: WorkflowRunner.Fault = { point, step in
            if point == moment.point, step == moment.step { throw Failure.unavailable("The test says so.") }
        }
        try await VolumeTalk.with(fault: fault, otherBackend: true) { talk in
            let volume = try await talk.volume()
            let place = try #require(await place(of: volume, talk))
            let isFirst = place == "node@simulated#simulated"
            #expect(await migrate(volume, to: isFirst ? "node@other" : "node@simulated", talk).status == 202)
            try await talk.settle()
            #expect(await talk.status("/volumes/\(volume)") == "available")
            #expect(await migration(of: volume, talk) == "error")
            #expect(await self.place(of: volume, talk) == place)
            #expect(try await talk.stored() == (isFirst ? ["volume-\(volume)"] : []))
            #expect(try await talk.storedElsewhere() == (isFirst ? [] : ["volume-\(volume)"]))
        }
    }
}
