import Base
import CloudTesting
import SQL
import Testing

@testable import Identity

@Suite struct DomainConfigurationTests {
    let home: Household
    let path: String

    init() async throws {
        home = try await Household()
        let made = await home.send("POST", "/domains", ["domain": ["name": "lake"]])
        path = "/domains/\(made["domain"]?["id"]?.string ?? "")/config"
    }

    private var stored: String {
        get async throws {
            try await home.identity.database.read { tx in
                try tx.row("SELECT options FROM domain_configuration") { row throws(Failure) in
                    try row.text("options")
                } ?? ""
            }
        }
    }

    private func put() async -> Answer {
        await home.send(
            "PUT", path,
            ["config": ["ldap": ["url": "ldap://lake", "password": "deep water"], "identity": ["driver": "ldap"]]])
    }

    @Test func itIsSetReadInPartsChangedAndTakenAway() async {
        #expect(await put().status == 201)
        #expect(await put().status == 200)
        #expect(await home.send("GET", path)["config"]?["identity"]?["driver"] == "ldap")
        #expect(await home.send("GET", path + "/ldap")["config"]?["ldap"]?["url"] == "ldap://lake")
        #expect(await home.send("GET", path + "/ldap/url")["config"]?["url"] == "ldap://lake")
        let changed = await home.send("PATCH", path + "/ldap/url", ["config": ["url": "ldap://sea"]])
        #expect(changed["config"]?["ldap"]?["url"] == "ldap://sea")
        #expect(changed["config"]?["identity"]?["driver"] == "ldap")
        #expect(await home.send("DELETE", path + "/ldap/url").status == 204)
        #expect(await home.send("GET", path + "/ldap/url").status == 404)
        #expect(await home.send("DELETE", path).status == 204)
        #expect(await home.send("GET", path).status == 404)
    }

    @Test func aPasswordIsSealedInTheStoreAndShownToNobody() async throws {
        let made = await put()
        #expect(!made.text.contains("deep water"))
        #expect(try await !stored.contains("deep water"))
        #expect(try await stored.contains("password"))
        _ = await home.send("PATCH", path + "/ldap/password", ["config": ["password": "deeper water"]])
        #expect(try await !stored.contains("deeper water"))
        #expect(await !home.send("GET", path).text.contains("password"))
        #expect(await home.send("GET", path + "/ldap/password").status == 404)
    }

    @Test func itsPasswordIsSealedAnewWithTheOtherSecrets() async throws {
        _ = await put()
        let (database, world) = (home.identity.database, home.identity.world)
        let seal = home.identity.credentialKeys
        let before = try await stored
        #expect(try await Identity.reseal(in: database, with: seal.keys, world: world) == 1)
        #expect(try await stored != before)
        let domain = path.split(separator: "/")[1]
        let after = try await database.read { try $0.configuration(of: ID(String(domain))) }
        let kept = Sealed(text: after["ldap", "password"]?.string ?? "")
        #expect(seal.open(kept) == "deep water")
    }
}
