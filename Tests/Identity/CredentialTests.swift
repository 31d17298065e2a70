import Base
import CloudTesting
import Crypto
import SQL
import Testing

@testable import Identity

@Suite struct CredentialTests {
    let home: Household
    let ann: (user: String, project: String, token: String)

    init() async throws {
        home = try await Household()
        ann = await home.makeMember("ann")
    }

    private func keep(_ type: String, _ blob: String) async -> Answer {
        await home.send(
            "POST", "/credentials",
            [
                "credential": [
                    "user_id": .string(ann.user), "project_id": .string(ann.project), "type": .string(type),
                    "blob": .string(blob),
                ]
            ], token: ann.token)
    }

    @Test func aSecretIsSealedInTheStoreAndOpenToItsOwner() async throws {
        let kept = await keep("cert", "very secret")
        #expect(kept.status == 201)
        let id = kept["credential"]?["id"]?.string ?? ""
        #expect(await home.send("GET", "/credentials/\(id)", token: ann.token)["credential"]?["blob"] == "very secret")
        let stored = try await home.identity.database.read { try $0.credential(ID(id))?.sealed.text }
        #expect(stored?.contains("secret") == false)
        let bob = await home.makeMember("bob")
        #expect(await home.send("GET", "/credentials/\(id)", token: bob.token).status == 403)
        #expect(await home.send("GET", "/credentials", token: bob.token)["credentials"] == [])
        #expect(await home.send("GET", "/credentials?type=cert", token: ann.token)["credentials"]?.array?.count == 1)
    }

    @Test func onlyTheSecretOfACredentialChanges() async {
        let id = await keep("cert", "one")["credential"]?["id"]?.string ?? ""
        let changed = await home.send(
            "PATCH", "/credentials/\(id)", ["credential": ["blob": "two"]], token: ann.token)
        #expect(changed["credential"]?["blob"] == "two")
        let moved = await home.send(
            "PATCH", "/credentials/\(id)", ["credential": ["blob": "two", "user_id": "x"]], token: ann.token)
        #expect(moved.status == 400)
    }

    @Test func theyGoWithTheirUser() async throws {
        _ = await keep("cert", "one")
        _ = await home.send("DELETE", "/users/\(ann.user)")
        #expect(try await home.identity.database.read { try $0.count("SELECT COUNT(*) FROM credential") } == 0)
    }

    // MARK: Signatures

    private func pair() async -> (access: String, secret: String) {
        let made = await home.send(
            "POST", "/users/\(ann.user)/credentials/OS-EC2", ["tenant_id": .string(ann.project)], token: ann.token)
        let credential = made["credential"]
        return (credential?["access"]?.string ?? "", credential?["secret"]?.string ?? "")
    }

    private func signed(_ pair: (access: String, secret: String), at moment: Moment) throws -> JSON {
        let time = Timestamp.seconds.text(moment)
        let parameters = ["SignatureVersion": "2", "Action": "Test", "Timestamp": time]
        let request = AWSRequest(verb: "GET", host: "cloud.test:8774", path: "/", parameters: parameters)
        return [
            "credentials": [
                "access": .string(pair.access),
                "signature": .string(try AWSSignature.ec2(request, secret: pair.secret)), "verb": "GET",
                "host": "cloud.test:8774", "path": "/",
                "params": ["SignatureVersion": "2", "Action": "Test", "Timestamp": .string(time)],
            ]
        ]
    }

    @Test func aSignatureIsExchangedForATokenByServicesOnly() async throws {
        let pair = await pair()
        let body = try signed(pair, at: home.clock.now)
        #expect(await home.send("POST", "/ec2tokens", body, token: ann.token).status == 403)
        let answer = await home.send("POST", "/ec2tokens", body)
        #expect(answer.status == 200)
        #expect(answer["token"]?["user"]?["id"] == .string(ann.user))
        #expect(answer["token"]?["methods"] == ["ec2credential"])
        #expect(await home.works(answer.token))
        #expect(!answer.text.contains(pair.secret))
        // It was lent by a signature, so it gets no further.
        let exchanged = await home.authenticate(
            ["methods": ["token"], "token": ["id": .string(answer.token)]], "unscoped")
        #expect(exchanged.status == 403)
        #expect(await home.send("GET", "/users/\(ann.user)/credentials/OS-EC2", token: answer.token).status == 403)
    }

    @Test func aSignatureThatIsWrongOrOldIsRefused() async throws {
        let pair = await pair()
        let forged = try signed((access: pair.access, secret: "guess"), at: home.clock.now)
        #expect(await home.send("POST", "/ec2tokens", forged).status == 401)
        let old = try signed(pair, at: home.clock.now - .seconds(901))
        #expect(await home.send("POST", "/ec2tokens", old).status == 401)
        let unknown = try signed((access: "nobody", secret: pair.secret), at: home.clock.now)
        #expect(await home.send("POST", "/ec2tokens", unknown).status == 404)
    }

    @Test func anS3SignatureIsTakenToo() async throws {
        let pair = await pair()
        let text = "GET\n\n\nSat, 21 Nov 2026 02:30:31 GMT\n/bucket/key"
        let body: JSON = [
            "credentials": [
                "access": .string(pair.access), "token": .string(Base64.url.text(Array(text.utf8))),
                "signature": .string(try AWSSignature.s3(Array(text.utf8), secret: pair.secret)),
            ]
        ]
        let answer = await home.send("POST", "/s3tokens", body)
        #expect(answer.status == 200)
        #expect(answer["token"]?["project"]?["id"] == .string(ann.project))
        // The token itself is for the one who signed.
        #expect(answer.token.isEmpty)
    }
}
