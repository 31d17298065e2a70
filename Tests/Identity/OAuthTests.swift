import Base
import CloudTesting
import Crypto
import HTTP
import Testing

@testable import Identity

@Suite struct OAuthTests {
    let home: Household
    let consumer: Key

    struct Key {
        let id: String
        let secret: String

        /// From the form in which tokens are handed out.
        init(_ answer: Answer) {
            let query = try? HTTPQuery(String(decoding: answer.bytes, as: UTF8.self))
            self.init(id: query?["oauth_token"] ?? "", secret: query?["oauth_token_secret"] ?? "")
        }

        init(id: String, secret: String) {
            self.id = id
            self.secret = secret
        }
    }

    init() async throws {
        home = try await Household()
        let made = await home.send("POST", "/OS-OAUTH1/consumers", ["consumer": ["description": "printer"]])
        #expect(made.status == 201)
        consumer = Key(
            id: made["consumer"]?["id"]?.string ?? "", secret: made["consumer"]?["secret"]?.string ?? "")
    }

    /// Sends a request the way a consumer signs it.
    private func sign(
        _ path: String, token: Key? = nil, verifier: String? = nil, secret: String? = nil, body: JSON? = nil,
        at moment: Moment? = nil, more: HTTPHeaders = HTTPHeaders()
    ) async -> Answer {
        var parameters = [
            ("oauth_consumer_key", consumer.id), ("oauth_nonce", "abc"), ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", String((moment ?? home.clock.now).seconds)),
        ]
        if let token { parameters.append(("oauth_token", token.id)) }
        if let verifier { parameters.append(("oauth_verifier", verifier)) }
        let signed = parameters.sorted { $0.0 < $1.0 }.map { "\($0.0)=\($0.1)" }.joined(separator: "&")
        let url = "http://cloud.test/identity/v3" + path
        let base = ["POST", url, signed].map { PercentCoding.encode($0) }.joined(separator: "&")
        let key = "\(secret ?? consumer.secret)&\(token?.secret ?? "")"
        parameters.append(("oauth_signature", Base64.standard.text(HMAC(.sha1, key: key).code(base))))
        var headers = more
        headers.append(
            "Authorization",
            "OAuth " + parameters.map { "\($0.0)=\"\(PercentCoding.encode($0.1))\"" }.joined(separator: ", "))
        return await home.talk.send("POST", "/identity/v3" + path, body, headers: headers)
    }

    private func request(secret: String? = nil, at moment: Moment? = nil) async -> Answer {
        await sign(
            "/OS-OAUTH1/request_token", secret: secret, at: moment, more: ["Requested-Project-Id": home.project])
    }

    private func agree(to token: Key, roles: JSON, by who: String? = nil) async -> Answer {
        await home.send("PUT", "/OS-OAUTH1/authorize/\(token.id)", ["roles": roles], token: who)
    }

    private func access() async -> Key {
        let token = Key(await request())
        let verifier = await agree(to: token, roles: [["name": "reader"]])["token"]?["oauth_verifier"]?.string
        return Key(await sign("/OS-OAUTH1/access_token", token: token, verifier: verifier))
    }

    private func authenticate(_ token: Key) async -> Answer {
        await sign(
            "/auth/tokens", token: token, body: ["auth": ["identity": ["methods": ["oauth1"], "oauth1": [:]]]])
    }

    @Test func aConsumersSecretIsShownOnce() async {
        let shown = await home.send("GET", "/OS-OAUTH1/consumers/\(consumer.id)")
        #expect(shown.status == 200)
        #expect(shown["consumer"]?["description"] == "printer")
        #expect(shown["consumer"]?["secret"] == nil)
        let changed = await home.send(
            "PATCH", "/OS-OAUTH1/consumers/\(consumer.id)", ["consumer": ["description": "scanner"]])
        #expect(changed["consumer"]?["description"] == "scanner")
        let forged = await home.send("PATCH", "/OS-OAUTH1/consumers/\(consumer.id)", ["consumer": ["secret": "x"]])
        #expect(forged.status == 400)
    }

    @Test func whatAUserLendsAConsumerIsAllThatItGets() async {
        let used = await authenticate(await access())
        #expect(used.status == 201)
        let token = used["token"]
        #expect(token?["roles"]?.array?.compactMap { $0["name"]?.string } == ["reader"])
        #expect(token?["project"]?["id"] == .string(home.project))
        #expect(token?["OS-OAUTH1"]?["consumer_id"] == .string(consumer.id))
        #expect(await home.show(used.token)["token"]?["methods"] == ["oauth1"])
        #expect(await home.send("POST", "/projects", ["project": ["name": "x"]], token: used.token).status == 403)
    }

    @Test func withoutTheSecretsNothingIsToBeHad() async {
        #expect(await request(secret: "wrong").status == 401)
        #expect(await request(at: home.clock.now - .seconds(3_600)).status == 401)
        let bare = await home.talk.send("POST", "/identity/v3/OS-OAUTH1/request_token")
        #expect(bare.status == 400)
        let access = await access()
        #expect(await authenticate(Key(id: access.id, secret: "wrong")).status == 401)
    }

    @Test func nobodyAgreesForTheConsumer() async {
        let token = Key(await request())
        #expect(await sign("/OS-OAUTH1/access_token", token: token, verifier: "abcdefgh").status == 401)
        _ = await agree(to: token, roles: [["name": "reader"]])
        #expect(await sign("/OS-OAUTH1/access_token", token: token, verifier: "abcdefgh").status == 401)
    }

    @Test func aRequestIsGoodForOneAccessToken() async {
        let token = Key(await request())
        let verifier = await agree(to: token, roles: [["name": "reader"]])["token"]?["oauth_verifier"]?.string
        #expect(await sign("/OS-OAUTH1/access_token", token: token, verifier: verifier).status == 201)
        #expect(await sign("/OS-OAUTH1/access_token", token: token, verifier: verifier).status == 404)
    }

    @Test func whatIsTakenBackIsWorthNothingAtOnce() async {
        let access = await access()
        let path = "/users/\(await home.admin)/OS-OAUTH1/access_tokens/\(access.id)"
        let used = await authenticate(access)
        #expect(await home.send("GET", path)["access_token"]?["consumer_id"] == .string(consumer.id))
        #expect(await home.send("GET", path + "/roles")["roles"]?.array?.count == 1)
        #expect(await home.works(used.token))
        #expect(await home.send("DELETE", path).status == 204)
        #expect(await !home.works(used.token))
        #expect(await authenticate(access).status == 401)
    }

    @Test func aConsumerTakesItsTokensAlong() async {
        let access = await access()
        let used = await authenticate(access)
        #expect(await home.send("DELETE", "/OS-OAUTH1/consumers/\(consumer.id)").status == 204)
        #expect(await !home.works(used.token))
        #expect(await authenticate(access).status == 401)
    }

    @Test func aConsumersTokenIsNoWayToMore() async {
        let token = await authenticate(await access()).token
        let other = Key(await request())
        #expect(await agree(to: other, roles: [["name": "reader"]], by: token).status == 403)
        let exchanged = await home.authenticate(["methods": ["token"], "token": ["id": .string(token)]])
        #expect(exchanged.status == 403)
    }
}
