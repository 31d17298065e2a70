import API
import Base
import CloudTesting
import Crypto
import HTTP
import Testing

@testable import Identity

/// What is secret is said once to the one it belongs to, and never again to anybody.
@Suite struct SecretsTests {
    static let secrets = ["pass-word-of-ann", "new-pass-word-of-ann", "secret-of-the-robot", "seed-of-the-code"]
    let home: Household
    let ann: String
    let token: String

    init() async throws {
        home = try await Household()
        ann = await home.makeUser("ann", JSON.Object([JSON.Member(name: "password", value: "pass-word-of-ann")]))
        let project = await home.makeProject("ann-project")
        await home.grant("member", to: ann, on: project)
        token = await home.authenticate(
            Household.password("ann", "pass-word-of-ann"), Household.onProject(project)
        ).token
    }

    private func show(_ answer: Answer, but said: String? = nil) {
        for secret in SecretsTests.secrets where secret != said { #expect(!answer.text.contains(secret)) }
    }

    @Test func answersDoNotRepeatThem() async {
        show(await home.send("GET", "/users/\(ann)"))
        show(await home.send("GET", "/users"))
        show(await home.authenticate(Household.password("ann", "pass-word-of-ann")))
        show(await home.authenticate(Household.password("nobody", "pass-word-of-ann")))
        show(await home.send("PATCH", "/users/\(ann)", ["user": ["password": "pass-word-of-ann", "email": "a@b.c"]]))
        let fresh = await home.authenticate(Household.password("ann", "pass-word-of-ann"))
        show(
            await home.send(
                "POST", "/users/\(ann)/password",
                ["user": ["original_password": "pass-word-of-ann", "password": "new-pass-word-of-ann"]],
                token: fresh.token))
        show(
            await home.send(
                "POST", "/users/\(ann)/password",
                ["user": ["original_password": "pass-word-of-ann", "password": "new-pass-word-of-ann"]]))
    }

    @Test func aCredentialsSecretIsSaidWhenItIsMadeAndToNobodyElse() async {
        let made = await home.send(
            "POST", "/users/\(ann)/application_credentials",
            ["application_credential": ["name": "robot", "secret": "secret-of-the-robot"]], token: token)
        show(made, but: "secret-of-the-robot")
        #expect(made["application_credential"]?["secret"] == "secret-of-the-robot")
        show(await home.send("GET", "/users/\(ann)/application_credentials", token: token))
        let id = made["application_credential"]?["id"]?.string ?? ""
        show(await home.send("GET", "/users/\(ann)/application_credentials/\(id)", token: token))
        _ = await home.send(
            "POST", "/credentials",
            ["credential": ["user_id": .string(ann), "type": "totp", "blob": "seed-of-the-code"]], token: token)
        let eve = await home.makeMember("eve")
        show(await home.send("GET", "/credentials", token: eve.token))
        show(await home.send("GET", "/credentials?user_id=\(ann)", token: eve.token))
    }

    /// Neither a password nor a key is in what a failure says of itself, which is what logs hold.
    @Test func failuresDoNotHoldThem() async {
        let bodies: [JSON] = [
            ["auth": ["identity": ["methods": ["password"], "password": ["user": ["password": "pass-word-of-ann"]]]]],
            ["auth": ["identity": ["methods": ["password"], "password": ["password": "pass-word-of-ann"]]]],
            [
                "auth": [
                    "identity": ["methods": ["token"], "token": ["id": .string(token)]], "scope": ["project": "x"],
                ]
            ],
            [
                "auth": [
                    "identity": ["methods": ["application_credential"], "application_credential": ["secret": "s3cr"]]
                ]
            ],
        ]
        for body in bodies {
            do {
                let attempt = Attempt(identity: home.identity, request: HTTPRequest("POST", "/v3/auth/tokens"), url: "")
                _ = try await home.identity.authenticate(body, attempt)
                Issue.record("It should have been refused: \(body.text)")
            } catch {
                for secret in SecretsTests.secrets + [token, "s3cr"] { #expect(!"\(error)".contains(secret)) }
            }
        }
        #expect(!"\(FernetKey(SeededChance(seed: 1)))".contains(FernetKey(SeededChance(seed: 1)).text))
    }
}
