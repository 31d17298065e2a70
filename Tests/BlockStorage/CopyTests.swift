import Base
import CloudTesting
import Testing

@testable import BlockStorage

/// Snapshots, backups, transfers and groups: what is made of volumes.
@Suite struct CopyTests {
    @Test func aVolumeCanBePutBackToItsLatestSnapshot() async throws {
        try await VolumeTalk.with { talk in
            let id = try await talk.volume()
            let first = try await talk.snapshot(of: id)
            let second = try await talk.snapshot(of: id)
            let revert = { (snapshot: String) in
                await talk.send("POST", "/volumes/\(id)/action", ["revert": ["snapshot_id": .string(snapshot)]]).status
            }
            #expect(await revert(first) == 400)
            #expect(await revert(second) == 202)
            #expect(await talk.status("/volumes/\(id)") == "reverting")
            try await talk.settle()
            #expect(await talk.status("/volumes/\(id)") == "available")
            #expect(await talk.status("/snapshots/\(second)", "snapshot") == "available")
        }
    }

    @Test func backupsBuildUponOneAnother() async throws {
        try await VolumeTalk.with { talk in
            let id = try await talk.volume()
            let wish = { (incremental: Bool) -> JSON in
                ["backup": ["volume_id": .string(id), "incremental": .bool(incremental)]]
            }
            #expect(await talk.send("POST", "/backups", wish(true)).status == 400)
            let full = try #require(await talk.send("POST", "/backups", wish(false))["backup"]?["id"]?.string)
            #expect(await talk.status("/volumes/\(id)") == "backing-up")
            try await talk.settle()
            #expect(await talk.status("/volumes/\(id)") == "available")
            let next = try #require(await talk.send("POST", "/backups", wish(true))["backup"]?["id"]?.string)
            try await talk.settle()
            let shown = await talk.get("/backups/\(full)")["backup"]
            #expect(shown?["status"] == "available")
            #expect(shown?["has_dependent_backups"] == true)
            #expect(await talk.send("DELETE", "/backups/\(full)").status == 400)
            let restored = await talk.send("POST", "/backups/\(next)/restore", ["restore": [:]])
            #expect(restored.status == 202)
            let made = try #require(restored["restore"]?["volume_id"]?.string)
            try await talk.settle()
            #expect(await talk.status("/volumes/\(made)") == "available")
            for backup in [next, full] {
                #expect(await talk.send("DELETE", "/backups/\(backup)").status == 202)
                try await talk.settle()
            }
            #expect(try await talk.stored().allSatisfy { $0.hasPrefix("volume-") })
            #expect(await talk.used("backups") == 0)
        }
    }

    @Test func aTransferTakesTheKey() async throws {
        try await VolumeTalk.with { talk in
            let id = try await talk.volume()
            let offer = await talk.send("POST", "/volume-transfers", ["transfer": ["volume_id": .string(id)]])
            let (transfer, key) = (offer["transfer"]?["id"]?.string ?? "", offer["transfer"]?["auth_key"]?.string ?? "")
            #expect(await talk.status("/volumes/\(id)") == "awaiting-transfer")
            let accept = { (key: String) in
                await talk.send(
                    "POST", "/volume-transfers/\(transfer)/accept", ["accept": ["auth_key": .string(key)]],
                    as: .stranger
                ).status
            }
            #expect(await accept("wrong") == 400)
            #expect(await accept(key) == 202)
            #expect(await talk.get("/volumes/\(id)").status == 404)
            #expect(await talk.get("/volumes/\(id)", as: .stranger)["volume"]?["status"] == "available")
            #expect(await talk.used("volumes") == 0)
        }
    }

    @Test func aGroupsVolumesAreSnapshotTogether() async throws {
        try await VolumeTalk.with { talk in
            _ = await talk.send("POST", "/group_types", ["group_type": ["name": "together"]], as: .admin)
            let wish: JSON = ["group": ["group_type": "together", "volume_types": ["__DEFAULT__"], "name": "g"]]
            let group = try #require(await talk.send("POST", "/groups", wish)["group"]?["id"]?.string)
            for _ in 0..<2 { _ = try await talk.volume(["group_id": .string(group)]) }
            let taken = await talk.send("POST", "/group_snapshots", ["group_snapshot": ["group_id": .string(group)]])
            let snapshot = try #require(taken["group_snapshot"]?["id"]?.string)
            try await talk.settle()
            #expect(await talk.status("/group_snapshots/\(snapshot)", "group_snapshot") == "available")
            #expect(try await talk.stored().count == 4)
            let copy = await talk.send(
                "POST", "/groups/action", ["create-from-src": ["group_snapshot_id": .string(snapshot), "name": "h"]])
            let made = try #require(copy["group"]?["id"]?.string)
            try await talk.settle()
            #expect(await talk.status("/groups/\(made)", "group") == "available")
            #expect(await talk.get("/volumes?group_id=\(made)")["volumes"]?.array?.count == 2)
            #expect(await talk.send("DELETE", "/group_snapshots/\(snapshot)").status == 202)
            try await talk.settle()
            for id in [group, made] {
                #expect(await talk.send("POST", "/groups/\(id)/action", ["delete": [:]]).status == 400)
                #expect(
                    await talk.send("POST", "/groups/\(id)/action", ["delete": ["delete-volumes": true]]).status == 202)
                try await talk.settle()
                #expect(await talk.get("/groups/\(id)").status == 404)
            }
            #expect(try await talk.stored().isEmpty)
        }
    }
}
