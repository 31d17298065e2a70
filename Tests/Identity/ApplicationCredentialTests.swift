import Base
import CloudTesting
import Testing

@testable import Identity

@Suite struct ApplicationCredentialTests {
    let home: Household
    let ann: (user: String, project: String, token: String)

    init() async throws {
        home = try await Household()
        ann = await home.makeMember("ann", "manager")
    }

    private var path: String { "/users/\(ann.user)/application_credentials" }

    private func make(_ name: String, _ more: KeyValuePairs<String, JSON> = [:], token: String? = nil) async -> Answer {
        var body = JSON.Object([JSON.Member(name: "name", value: .string(name))])
        for member in more { body[member.key] = member.value }
        return await home.send("POST", path, ["application_credential": .object(body)], token: token ?? ann.token)
    }

    private func use(_ made: Answer) async -> Answer {
        let credential = made["application_credential"]
        return await home.authenticate([
            "methods": ["application_credential"],
            "application_credential": [
                "id": credential?["id"] ?? .null, "secret": credential?["secret"] ?? .null,
            ],
        ])
    }

    @Test func itsSecretIsSaidOnceAndGivesATokenForItsProject() async {
        let made = await make("robot")
        #expect(made.status == 201)
        let secret = made["application_credential"]?["secret"]?.string ?? ""
        #expect(secret.count == 86)
        let used = await use(made)
        #expect(used.status == 201)
        #expect(used["token"]?["project"]?["id"] == .string(ann.project))
        #expect(used["token"]?["methods"] == ["application_credential"])
        #expect(used["token"]?["application_credential"]?["restricted"] == true)
        #expect(used["token"]?["roles"]?.array?.count == 3)
        #expect(await !home.send("GET", path, token: ann.token).text.contains(secret))
        #expect(!used.text.contains(secret))
    }

    @Test func itIsFoundByNameAndUserToo() async {
        _ = await make("robot", ["secret": "s"])
        let user: JSON = ["name": "ann", "domain": ["id": "default"]]
        let used = await home.authenticate([
            "methods": ["application_credential"],
            "application_credential": ["name": "robot", "user": user, "secret": "s"],
        ])
        #expect(used.status == 201)
        let wrong = await home.authenticate([
            "methods": ["application_credential"],
            "application_credential": ["name": "robot", "user": user, "secret": "t"],
        ])
        #expect(wrong.status == 401)
    }

    @Test func aNameIsTakenOnlyOnceByItsUser() async {
        _ = await make("robot")
        #expect(await make("robot").status == 409)
        let bob = await home.makeMember("bob")
        let other = await home.send(
            "POST", "/users/\(bob.user)/application_credentials", ["application_credential": ["name": "robot"]],
            token: bob.token)
        #expect(other.status == 201)
    }

    @Test func itHasNoMoreRolesThanItsMakerHasNow() async {
        #expect(await make("greedy", ["roles": [["name": "admin"]]]).status == 400)
        let used = await use(await make("small", ["roles": [["name": "member"]]]))
        #expect(used["token"]?["roles"]?.array?.compactMap { $0["name"]?.string }.sorted() == ["member", "reader"])
        await home.revoke("manager", from: ann.user, on: ann.project)
        #expect(await !home.works(used.token))
        #expect(await home.send("GET", path)["application_credentials"] == [])
    }

    @Test func aRestrictedOneMakesNoOthersAndNoneIsExchanged() async {
        let restricted = await use(await make("restricted")).token
        #expect(await make("child", token: restricted).status == 403)
        let free = await use(await make("free", ["unrestricted": true])).token
        #expect(await make("child", token: free).status == 201)
        for token in [restricted, free] {
            let exchanged = await home.authenticate(
                ["methods": ["token"], "token": ["id": .string(token)]], Household.onProject(ann.project))
            #expect(exchanged.status == 403)
            let trust = await home.send(
                "POST", "/OS-TRUST/trusts",
                [
                    "trust": [
                        "trustor_user_id": .string(ann.user), "trustee_user_id": .string(await home.admin),
                        "impersonation": false, "project_id": .string(ann.project), "roles": [["name": "member"]],
                    ]
                ], token: token)
            #expect(trust.status == 403)
        }
    }

    @Test func itCannotSayAScope() async {
        let made = await make("robot")
        let asked = await home.authenticate(
            [
                "methods": ["application_credential"],
                "application_credential": [
                    "id": made["application_credential"]?["id"] ?? .null,
                    "secret": made["application_credential"]?["secret"] ?? .null,
                ],
            ], "unscoped")
        #expect(asked.status == 401)
    }

    @Test func itEndsWhenItSaysAndWhenItIsDeleted() async {
        let short = await make("short", ["expires_at": .string(Timestamp.seconds.text(home.clock.now + .seconds(60)))])
        let used = await use(short)
        #expect(await home.works(used.token))
        home.clock.pass(.seconds(61))
        #expect(await !home.works(used.token))
        #expect(await use(short).status == 401)

        let token = await home.token(of: "ann", Household.onProject(ann.project))
        let gone = await make("gone", token: token)
        let live = await use(gone).token
        let id = gone["application_credential"]?["id"]?.string ?? ""
        #expect(await home.send("DELETE", "\(path)/\(id)", token: token).status == 204)
        #expect(await !home.works(live))
    }

    @Test func whoIsDisabledLosesThem() async {
        let made = await make("robot")
        for isEnabled in [false, true] {
            _ = await home.send("PATCH", "/users/\(ann.user)", ["user": ["enabled": .bool(isEnabled)]])
        }
        #expect(await use(made).status == 401)
    }

    // MARK: Access rules

    @Test func withAccessRulesItIsGoodForThoseRequestsOnly() async {
        let rules: JSON = [
            ["service": "identity", "method": "GET", "path": "/v3/users/{id}/projects"],
            ["service": "compute", "method": "GET", "path": "/v3/auth/projects"],
        ]
        let made = await make("narrow", ["access_rules": rules])
        let token = await use(made).token
        #expect(await home.send("GET", "/users/\(ann.user)/projects", token: token).status == 200)
        #expect(await home.send("GET", "/users/\(ann.user)", token: token).status == 401)
        #expect(await home.send("GET", "/auth/projects", token: token).status == 401)
        // It can still be shown to those who check it.
        #expect(await home.show(token)["token"]?["application_credential"]?["access_rules"]?.array?.count == 2)
    }

    @Test func aRuleIsMadeOnceAndStaysWhileItIsUsed() async {
        let rule: JSON = ["service": "compute", "method": "GET", "path": "/v2.1/servers"]
        let first = await make("one", ["access_rules": [rule]])
        let ids = { (made: Answer) in
            made["application_credential"]?["access_rules"]?.array?.compactMap { $0["id"]?.string } ?? []
        }
        let id = ids(first).first ?? ""
        let again = await make("two", ["access_rules": [["id": .string(id)], rule]])
        #expect(ids(again) == [id])
        let place = "/users/\(ann.user)/access_rules/\(id)"
        #expect(await home.send("DELETE", place, token: ann.token).status == 403)
        for made in [first, again] {
            _ = await home.send(
                "DELETE", "\(path)/\(made["application_credential"]?["id"]?.string ?? "")", token: ann.token)
        }
        #expect(await home.send("DELETE", place, token: ann.token).status == 204)
    }
}
