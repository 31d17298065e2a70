import Base
import CloudTesting
import Testing
import Workflow

@testable import BlockStorage

/// Work that fails just before or just after each of its steps.
@Suite struct FailureTests {
    private struct Moment: Sendable, CustomTestStringConvertible {
        let step: String
        let point: WorkflowRunner.FaultPoint

        var testDescription: String { "\(point) \(step)" }

        static func all(_ steps: [String]) -> [Moment] {
            steps.flatMap { step in WorkflowRunner.FaultPoint.allCases.map { Moment(step: step, point: $0) } }
        }

        /// Only from the moment on when something is held: steps of several workflows have the same name.
        func fault(once holder: Holder) -> WorkflowRunner.Fault {
            { point, step in if holder.id != nil { try fault(point, step) } }
        }

        var fault: WorkflowRunner.Fault {
            { point, step in
                if point == self.point, step == self.step { throw Failure.unavailable("The test says so.") }
            }
        }
    }

    @Test(arguments: Moment.all(CreateVolume.steps.map(\.name)))
    private func aVolumeThatFailsIsInErrorAndCanBeDeleted(_ moment: Moment) async throws {
        try await VolumeTalk.with(fault: moment.fault) { talk in
            let id = try await talk.volume()
            #expect(await talk.status("/volumes/\(id)") == "error")
            #expect(try await talk.stored().isEmpty)
            #expect(await talk.used("volumes") == 1)
            #expect(await talk.send("DELETE", "/volumes/\(id)").status == 202)
            try await talk.settle()
            #expect(await talk.get("/volumes/\(id)").status == 404)
            #expect(await talk.used("volumes") == 0)
        }
    }

    @Test(arguments: Moment.all(CreateSnapshot.steps.map(\.name)))
    private func aSnapshotThatFailsIsInErrorAndLeavesNoBytes(_ moment: Moment) async throws {
        let isMade = Holder()
        try await VolumeTalk.with(fault: moment.fault(once: isMade)) { talk in
            let id = try await talk.volume()
            isMade.id = id
            let snapshot = try await talk.snapshot(of: id)
            #expect(await talk.status("/snapshots/\(snapshot)", "snapshot") == "error")
            #expect(try await talk.stored() == ["volume-\(id)"])
            #expect(await talk.send("DELETE", "/snapshots/\(snapshot)").status == 202)
            try await talk.settle()
            #expect(await talk.used("snapshots") == 0)
        }
    }

    @Test(arguments: Moment.all(DeleteVolume.steps.map(\.name).dropLast()))
    private func aDeletionThatFailsSaysSoAndCanBeTriedAgain(_ moment: Moment) async throws {
        let holder = Holder()
        holder.id = "fail"
        try await VolumeTalk.with(fault: moment.fault(once: holder)) { talk in
            let id = try await talk.volume()
            #expect(await talk.send("DELETE", "/volumes/\(id)").status == 202)
            try await talk.settle()
            #expect(await talk.status("/volumes/\(id)") == "error_deleting")
            holder.id = nil
            #expect(await talk.send("DELETE", "/volumes/\(id)").status == 202)
            try await talk.settle()
            #expect(await talk.get("/volumes/\(id)").status == 404)
            #expect(try await talk.stored().isEmpty)
        }
    }

    @Test(arguments: Moment.all(["extend it on its node"]))
    private func aVolumeThatCouldNotGrowCountsAsBefore(_ moment: Moment) async throws {
        try await VolumeTalk.with(fault: moment.fault) { talk in
            let id = try await talk.volume()
            _ = await talk.send("POST", "/volumes/\(id)/action", ["os-extend": ["new_size": 4]])
            try await talk.settle()
            #expect(await talk.status("/volumes/\(id)") == "error_extending")
            #expect(await talk.used("gigabytes") == 1)
        }
    }

    @Test(arguments: Moment.all(CreateBackup.steps.map(\.name)))
    private func aBackupThatFailsSetsTheVolumeFree(_ moment: Moment) async throws {
        let isMade = Holder()
        try await VolumeTalk.with(fault: moment.fault(once: isMade)) { talk in
            let id = try await talk.volume()
            isMade.id = id
            let made = await talk.send("POST", "/backups", ["backup": ["volume_id": .string(id)]])
            let backup = try #require(made["backup"]?["id"]?.string)
            try await talk.settle()
            #expect(await talk.status("/volumes/\(id)") == "available")
            #expect(await talk.status("/backups/\(backup)", "backup") == "error")
            #expect(try await talk.stored() == ["volume-\(id)"])
        }
    }
}
