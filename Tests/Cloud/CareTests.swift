import Base
import Foundation
import Policy
import SQL
import Testing
import Trace

@testable import Cloud

/// What an operator does with a cloud from beside it.
@Suite struct CareTests {
    @Test func aBackupOfARunningCloudIsTheCloud() async throws {
        try await RunningCloud.with { running in
            let made = try await running.send("POST", "/identity/v3/projects", ["project": ["name": "kept"]])
            #expect(made.status == 201)
            let file = running.cloud.settings.data.path + ".tar"
            defer { try? FileManager.default.removeItem(atPath: file) }
            try await Care(running.cloud.settings).backup(to: file) { _ in }
            try await running.send("POST", "/identity/v3/projects", ["project": ["name": "too late"]])

            let elsewhere = running.cloud.settings.data.path + "-restored"
            defer { try? FileManager.default.removeItem(atPath: elsewhere) }
            let care = Care(CloudSettings(data: DataDirectory(elsewhere)))
            #expect(try await care.restore(from: file) { _ in } == nil)
            let database = try Database(.file(elsewhere + "/martlet.db"))
            let names = try await database.read { tx in try tx.rows("SELECT name FROM project") { try $0.text("name") }
            }
            await database.close()
            #expect(names.contains("kept"))
            #expect(!names.contains("too late"))
            #expect(FileManager.default.fileExists(atPath: elsewhere + "/keys/tokens/0"))
        }
    }

    @Test func whateverThisMachineLacksHasARemedy() async throws {
        var settings = CloudSettings(data: DataDirectory("/dev/shm/not/there/yet"))
        settings.firstImage = nil
        let diagnosis = try await Care(settings).diagnosis()
        #expect(diagnosis.contains { $0.what.contains("a new cloud begins with") && $0.state == "missing" })
        for one in diagnosis { #expect((one.state == "missing" || one.state == "closed") != one.remedy.isEmpty) }
        #expect(
            diagnosis.contains { $0.what == "room on the disk of /dev/shm" }, "the disk on which the folder will be")
    }

    @Test func nobodyRestoresOverARunningCloud() async throws {
        try await RunningCloud.with { running in
            let file = running.cloud.settings.data.path + ".tar"
            defer { try? FileManager.default.removeItem(atPath: file) }
            let care = Care(running.cloud.settings)
            try await care.backup(to: file) { _ in }
            let failure = await #expect(throws: Failure.self) { try await care.restore(from: file) { _ in } }
            #expect(failure?.kind == .conflict)
        }
    }

    @Test func storedSecretsOutliveTheKeysThatSealedThem() async throws {
        try await RunningCloud.with { running in
            let user = try await running.send("GET", "/identity/v3/users?name=admin").json["users"]?.array?.first?["id"]
            let made = try await running.send(
                "POST", "/identity/v3/credentials",
                ["credential": ["type": "cert", "blob": "precious", "user_id": user ?? .null]])
            let id = made.json["credential"]?["id"]?.string ?? ""
            let care = Care(running.cloud.settings)
            // Often enough that none of the first keys is left.
            for _ in 0..<4 { #expect(try await care.rotateKeys { _ in } == 1) }
            let again = try await Cloud(running.cloud.settings, log: .silent)
            let second = RunningCloud(cloud: again, token: try await RunningCloud.login(again))
            let shown = try await second.send("GET", "/identity/v3/credentials/\(id)")
            await again.abandon()
            #expect(shown.json["credential"]?["blob"] == "precious")
        }
    }

    @Test func aPolicyFileIsObeyedAndItsMistakesAreNamed() async throws {
        let folder = FileManager.default.temporaryDirectory.path + "/policy-\(Foundation.UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try DataDirectory.make(folder)
        func write(_ text: String) throws { try Files.write(text, to: folder + "/identity.yaml") }
        let reader = try Caller.example(["reader"], scope: "project")

        try write("\"identity:list_regions\": \"rule:ours\"\nours: \"role:admin\"\n")
        let lines = try await CloudDescription(policy: folder).explain("identity:list_regions", as: reader)
        #expect(lines.first?.contains("refused") == true)

        for (text, hint) in [
            ("\"identity:list_region\": \"@\"", "did you mean identity:list_regions?"),
            ("\"identity:list_regions\": \"role:admin or\"", "identity:list_regions"),
            ("\"identity:list_regions\": \"rule:nothing\"", "nothing"), ("\"identity:list_regions\": 1", "text"),
        ] {
            try write(text)
            let failure = await #expect(throws: Failure.self) { try await CloudDescription(policy: folder) }
            #expect(failure?.message.contains(hint) == true)
        }
    }

    @Test func everyServiceDescribesItself() async throws {
        let text = try await CloudDescription(policy: nil).openAPI(nil)
        let all = try JSONReader.read(text)
        #expect(all["identity"]?["paths"]?["/v3/users/{user_id}"]?["patch"]?["requestBody"] != nil)
        #expect(all["identity"]?["paths"]?["/v3/auth/tokens"]?["post"]?["security"] == [])
        for service in all.object?.members ?? [] {
            #expect(service.value["openapi"] == "3.1.0")
            #expect(service.value["paths"]?.object?.members.isEmpty == false)
        }
    }
}
