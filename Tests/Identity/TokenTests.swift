import Base
import CloudTesting
import HTTP
import Policy
import SQL
import Testing

@testable import Identity

@Suite struct TokenTests {
    let home: Household

    init() async throws { home = try await Household() }

    // MARK: What ends a token

    @Test func aRevokedTokenIsRefusedAtOnce() async {
        let ann = await home.makeMember("ann")
        #expect(await home.works(ann.token))
        let revoked = await home.talk.send(
            "DELETE", "/identity/v3/auth/tokens", token: home.adminToken, headers: ["X-Subject-Token": ann.token])
        #expect(revoked.status == 204)
        #expect(await !home.works(ann.token))
        #expect(await home.show(ann.token).status == 404)
    }

    @Test func aTokenThatHasExpiredIsRefused() async {
        let ann = await home.makeMember("ann")
        home.clock.pass(.seconds(3_599))
        #expect(await home.works(ann.token))
        home.clock.pass(.seconds(2))
        #expect(await !home.works(ann.token))
    }

    @Test func aUserWhoIsDisabledOrDeletedHasNoTokens() async {
        let (ann, bob) = (await home.makeMember("ann"), await home.makeMember("bob"))
        #expect(await home.works(ann.token))
        _ = await home.send("PATCH", "/users/\(ann.user)", ["user": ["enabled": false]])
        #expect(await !home.works(ann.token))
        #expect(await home.works(bob.token))
        _ = await home.send("DELETE", "/users/\(bob.user)")
        #expect(await !home.works(bob.token))
    }

    @Test func aTokenOfAUserWhoWasDisabledStaysDeadWhenTheyAreBack() async {
        let ann = await home.makeMember("ann")
        for isEnabled in [false, true] {
            _ = await home.send("PATCH", "/users/\(ann.user)", ["user": ["enabled": .bool(isEnabled)]])
        }
        #expect(await !home.works(ann.token))
        #expect(await home.works(home.token(of: "ann", Household.onProject(ann.project))))
    }

    @Test func aProjectThatIsDisabledHasNoTokens() async {
        let ann = await home.makeMember("ann")
        _ = await home.send("PATCH", "/projects/\(ann.project)", ["project": ["enabled": false]])
        #expect(await !home.works(ann.token))
    }

    @Test func aChangedPasswordEndsAllTokens() async {
        let ann = await home.makeMember("ann")
        let changed = await home.send(
            "POST", "/users/\(ann.user)/password", ["user": ["original_password": "pass", "password": "other"]])
        #expect(changed.status == 204)
        #expect(await !home.works(ann.token))
    }

    // MARK: What changes it

    @Test func aRoleThatIsGivenOrTakenCountsAtOnce() async {
        let ann = await home.makeMember("ann")
        #expect(await home.send("GET", "/users", token: ann.token).status == 403)
        await home.grant("admin", to: ann.user, on: ann.project)
        #expect(await home.send("GET", "/users", token: ann.token).status == 200)
        await home.revoke("admin", from: ann.user, on: ann.project)
        #expect(await home.send("GET", "/users", token: ann.token).status == 403)
        await home.revoke("member", from: ann.user, on: ann.project)
        #expect(await !home.works(ann.token))
    }

    /// Also in the token of the next login, which takes what it can from the last one.
    @Test func aRoleThatIsGivenOrTakenCountsAtTheNextLogin() async {
        let ann = await home.makeMember("ann")
        func roles() async -> Int {
            let issued = await home.authenticate(
                Household.password("ann", "pass"), Household.onProject(ann.project))
            return issued["token"]?["roles"]?.array?.count ?? 0
        }
        let before = await roles()
        #expect(before > 0)
        #expect(await roles() == before)
        await home.grant("admin", to: ann.user, on: ann.project)
        #expect(await roles() > before)
        await home.revoke("admin", from: ann.user, on: ann.project)
        #expect(await roles() == before)
    }

    @Test func anotherScopeKeepsTheEndAndTheChain() async {
        let ann = await home.makeMember("ann")
        let first = await home.show(ann.token)["token"]
        home.clock.pass(.seconds(600))
        let second = await home.authenticate(
            ["methods": ["token"], "token": ["id": .string(ann.token)]], "unscoped")
        #expect(second.status == 201)
        #expect(second["token"]?["expires_at"] == first?["expires_at"])
        #expect(second["token"]?["issued_at"] != first?["issued_at"])
        #expect(second["token"]?["methods"] == ["password", "token"])
        let chain = second["token"]?["audit_ids"]?.array ?? []
        #expect(chain.count == 2)
        #expect(chain.last == first?["audit_ids"]?.array?.first)
        #expect(chain.first != chain.last)

        // With its chain goes all that was made from it.
        _ = await home.talk.send(
            "DELETE", "/identity/v3/auth/tokens", token: home.adminToken, headers: ["X-Subject-Token": ann.token])
        #expect(await !home.works(second.token))
    }

    @Test func aCloudMayForbidToRescope() async throws {
        let strict = try await Household(.memory) { $0.allowsRescoping = false }
        let ann = await strict.makeMember("ann")
        let shown: JSON = ["methods": ["token"], "token": ["id": .string(ann.token)]]
        #expect(await strict.authenticate(shown, "unscoped").status == 403)
        let unscoped = await strict.token(of: "ann", "unscoped")
        let again = await strict.authenticate(
            ["methods": ["token"], "token": ["id": .string(unscoped)]], Household.onProject(ann.project))
        #expect(again.status == 201)
    }

    // MARK: What it costs

    @Test func aTokenThatIsKnownCostsNoReadHoweverManyWereRevoked() async throws {
        let ann = await home.makeMember("ann")
        let ends = home.clock.now + .seconds(3_600)
        try await home.identity.database.write { tx in
            try tx.run(
                """
                WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < \(200_000))
                INSERT INTO revocation (audit_id, issued_before, ends_at)
                SELECT 'a' || i, \(home.clock.now), \(ends) FROM n
                """)
        }
        try await home.identity.tokens.catchUp()
        #expect(try await home.identity.tokens.token(ann.token).user.name == "ann")
        let before = home.identity.database.counts
        for _ in 0..<100 { _ = try await home.identity.tokens.token(ann.token) }
        #expect(home.identity.database.counts == before)
        _ = await home.makeMember("bob")
        let bob = await home.token(of: "bob")
        let middle = home.identity.database.counts.reads
        _ = try await home.identity.tokens.token(bob)
        #expect(home.identity.database.counts.reads == middle)
    }
}
