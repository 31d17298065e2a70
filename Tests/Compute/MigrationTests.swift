import API
import Base
import CloudTesting
import SQL
import Testing

@testable import Compute

/// Who learns what of the ways that servers take.
@Suite struct MigrationTests {
    @Test func managersFollowTheirServersWithoutLearningOfHosts() async throws {
        let talk = try await ComputeTalk()
        let server = try await talk.server("s", on: "one")
        let now = talk.world.now
        try await talk.database.write { tx in
            try tx.insert(
                into: "compute_migration",
                [
                    "uuid": "11111111-2222-4333-8444-555555555555", "server_id": server, "project_id": "project-1",
                    "user_id": "user-1", "kind": "live-migration", "status": "migrating", "source": "one",
                    "target": "two", "old_flavor": "1", "new_flavor": "1", "created_at": now,
                ])
        }
        let path = "/servers/\(server)/migrations"
        let asked = { (persona: Persona) in await talk.get(path, as: persona) }
        let own = await asked(.manager)["migrations"]?.array?.first
        #expect(own?["status"] == "migrating")
        for name in ["source_compute", "source_node", "dest_compute", "dest_node", "dest_host"] {
            #expect(own?[name] == .null, "\(name)")
        }
        let all = await asked(.admin)["migrations"]?.array?.first
        #expect(all?["source_compute"] == "one")
        #expect(all?["dest_compute"] == "two")
        #expect(await asked(.member).status == 403)
        #expect(await asked(.stranger).status >= 403)
    }
}
