import Base
import CloudTesting
import Testing

@testable import Identity

@Suite struct TrustTests {
    let home: Household
    let ann: (user: String, project: String, token: String)
    let bob: String

    init() async throws {
        home = try await Household()
        ann = await home.makeMember("ann")
        bob = await home.makeUser("bob")
    }

    private func trust(_ more: KeyValuePairs<String, JSON> = [:], token: String? = nil) async -> Answer {
        var trust = JSON.Object([
            JSON.Member(name: "trustor_user_id", value: .string(ann.user)),
            JSON.Member(name: "trustee_user_id", value: .string(bob)),
            JSON.Member(name: "project_id", value: .string(ann.project)),
            JSON.Member(name: "impersonation", value: true), JSON.Member(name: "roles", value: [["name": "member"]]),
        ])
        for member in more { trust[member.key] = member.value }
        return await home.send("POST", "/OS-TRUST/trusts", ["trust": .object(trust)], token: token ?? ann.token)
    }

    private func id(_ answer: Answer) -> String { answer["trust"]?["id"]?.string ?? "" }

    private func use(_ trust: String, by name: String = "bob") async -> Answer {
        await home.authenticate(Household.password(name, "pass"), Household.byTrust(trust))
    }

    @Test func aTrusteeActsInTheTrustorsName() async {
        let made = await trust()
        #expect(made.status == 201)
        let used = await use(id(made))
        #expect(used.status == 201)
        let token = used["token"]
        #expect(token?["user"]?["id"] == .string(ann.user))
        #expect(token?["OS-TRUST:trust"]?["trustee_user"]?["id"] == .string(bob))
        #expect(token?["project"]?["id"] == .string(ann.project))
        #expect(token?["roles"]?.array?.compactMap { $0["name"]?.string } == ["member", "reader"])
    }

    @Test func withoutImpersonationTheTrusteeActsInTheirOwn() async {
        let used = await use(id(await trust(["impersonation": false])))
        #expect(used["token"]?["user"]?["id"] == .string(bob))
    }

    @Test func nobodyLendsWhatTheyDoNotHaveOrInAnothersName() async {
        #expect(await trust(["roles": [["name": "admin"]]]).status == 404)
        #expect(await trust(["roles": []]).status == 403)
        #expect(await trust(token: home.adminToken).status == 403)
        #expect(await trust(["expires_at": "2001-01-01T00:00:00Z"]).status == 400)
    }

    @Test func onlyTheTrusteeUsesIt() async {
        let trust = id(await trust())
        _ = await home.makeUser("eve")
        #expect(await use(trust, by: "eve").status == 403)
        #expect(await use("nothing").status == 401)
    }

    @Test func itIsGoodForSoManyTokensAndTheLastOneLives() async {
        let trust = id(await trust(["remaining_uses": 2]))
        _ = await use(trust)
        let last = await use(trust)
        #expect(last.status == 201)
        #expect(await use(trust).status == 401)
        #expect(await home.works(last.token))
        #expect(await home.send("GET", "/OS-TRUST/trusts/\(trust)", token: ann.token).status == 404)
    }

    @Test func itsTokensEndWhenItDoes() async {
        let trust = id(await trust(["expires_at": .string(Timestamp.seconds.text(home.clock.now + .seconds(60)))]))
        let used = await use(trust)
        #expect(await home.works(used.token))
        home.clock.pass(.seconds(61))
        #expect(await !home.works(used.token))
        #expect(await use(trust).status == 401)
    }

    @Test func itsTokensEndWithItWithTheRoleAndWithItsPeople() async {
        let (deleted, kept) = (id(await trust()), id(await trust()))
        let tokens = (deleted: await use(deleted).token, kept: await use(kept).token)
        #expect(await home.send("DELETE", "/OS-TRUST/trusts/\(deleted)", token: ann.token).status == 204)
        #expect(await !home.works(tokens.deleted))
        #expect(await home.works(tokens.kept))

        await home.revoke("member", from: ann.user, on: ann.project)
        #expect(await !home.works(tokens.kept))
        await home.grant("member", to: ann.user, on: ann.project)
        #expect(await home.works(tokens.kept))

        _ = await home.send("PATCH", "/users/\(ann.user)", ["user": ["enabled": false]])
        #expect(await !home.works(tokens.kept))
    }

    @Test func whatIsLentIsNotExchangedNorMadeToLast() async {
        let lent = await use(id(await trust())).token
        let exchanged = await home.authenticate(["methods": ["token"], "token": ["id": .string(lent)]], "unscoped")
        #expect(exchanged.status == 403)
        let credential = await home.send(
            "POST", "/users/\(ann.user)/application_credentials", ["application_credential": ["name": "x"]], token: lent
        )
        #expect(credential.status == 403)
        let secret = await home.send(
            "POST", "/credentials", ["credential": ["user_id": .string(ann.user), "type": "cert", "blob": "x"]],
            token: lent)
        #expect(secret.status == 403)
    }

    @Test func itIsLentOnOnlyAsFarAsItSays() async {
        let eve = await home.makeUser("eve")
        let plain = await use(id(await trust())).token
        #expect(await trust(["trustee_user_id": .string(eve)], token: plain).status == 403)

        let first = await trust(["allow_redelegation": true, "redelegation_count": 1])
        #expect(first["trust"]?["redelegation_count"] == 1)
        let second = await trust(["trustee_user_id": .string(eve)], token: await use(id(first)).token)
        #expect(second.status == 201)
        #expect(second["trust"]?["redelegated_trust_id"] == first["trust"]?["id"])
        let used = await use(id(second), by: "eve")
        #expect(used["token"]?["user"]?["id"] == .string(ann.user))
        #expect(await trust(token: used.token).status == 403)

        // Whoever takes the first back takes back all.
        _ = await home.send("DELETE", "/OS-TRUST/trusts/\(id(first))", token: ann.token)
        #expect(await !home.works(used.token))
        #expect(await use(id(second), by: "eve").status == 401)
    }

    @Test func strangersSeeNothingOfIt() async {
        let trust = id(await trust())
        let eve = await home.makeMember("eve")
        #expect(await home.send("GET", "/OS-TRUST/trusts/\(trust)", token: eve.token).status == 403)
        #expect(await home.send("GET", "/OS-TRUST/trusts/\(trust)/roles", token: eve.token).status == 403)
        #expect(await home.send("DELETE", "/OS-TRUST/trusts/\(trust)", token: eve.token).status == 403)
        #expect(await home.send("GET", "/OS-TRUST/trusts", token: eve.token).status == 403)
        let others = await home.send("GET", "/OS-TRUST/trusts?trustor_user_id=\(ann.user)", token: eve.token)
        #expect(others.status == 403)
    }
}
