import Base
import CloudTesting
import Crypto
import HTTP
import Testing

@testable import Identity

@Suite struct MultiFactorTests {
    static let secret = "GEZDGNBVGY3TQOJQ"
    let home: Household
    let ann: String

    init() async throws {
        home = try await Household { $0.lockoutAttempts = 3 }
        let rules: JSON = ["multi_factor_auth_rules": [["password", "totp"], ["sorcery"]]]
        ann = await home.makeUser("ann", JSON.Object([JSON.Member(name: "options", value: rules)]))
        _ = await home.send(
            "POST", "/credentials",
            ["credential": ["user_id": .string(ann), "type": "totp", "blob": .string(MultiFactorTests.secret)]])
    }

    private func code(_ earlier: Duration = .zero) -> JSON {
        let totp = TOTP(base32: MultiFactorTests.secret)
        return .string(totp?.password(at: home.clock.now - earlier) ?? "")
    }

    private func totp(_ code: JSON) -> JSON {
        ["methods": ["totp"], "totp": ["user": ["id": .string(ann), "passcode": code]]]
    }

    @Test func onePartIsAnsweredWithAReceiptAndTheOtherMakesItWhole() async {
        let half = await home.authenticate(Household.password("ann", "pass"))
        #expect(half.status == 401)
        #expect(half.token.isEmpty)
        #expect(half["receipt"]?["methods"] == ["password"])
        #expect(half["receipt"]?["user"]?["id"] == .string(ann))
        #expect(half["required_auth_methods"] == [["password", "totp"]])
        let receipt = half.headers["openstack-auth-receipt"]
        let whole = await home.authenticate(totp(code()), receipt: receipt)
        #expect(whole.status == 201)
        #expect(whole["token"]?["methods"] == ["password", "totp"])
    }

    @Test func bothAtOnceNeedNoReceipt() async {
        let password = Household.password("ann", "pass")["password"] ?? .null
        let both = await home.authenticate([
            "methods": ["password", "totp"], "password": password, "totp": totp(code())["totp"] ?? .null,
        ])
        #expect(both.status == 201)
    }

    @Test func aReceiptIsForItsUserAndForFiveMinutes() async {
        let receipt = await home.authenticate(Household.password("ann", "pass")).headers["openstack-auth-receipt"]
        _ = await home.makeUser("bob")
        #expect(await home.authenticate(Household.password("bob", "pass"), receipt: receipt).status == 401)
        home.clock.pass(.seconds(301))
        #expect(await home.authenticate(totp(code()), receipt: receipt).status == 401)
        #expect(await home.authenticate(totp(code()), receipt: "nonsense").status == 401)
    }

    @Test func aCodeHoldsALittleLongerThanItIsShown() async {
        let receipt = await home.authenticate(Household.password("ann", "pass")).headers["openstack-auth-receipt"]
        #expect(await home.authenticate(totp(code(.seconds(30))), receipt: receipt).status == 201)
        #expect(await home.authenticate(totp(code(.seconds(90))), receipt: receipt).status == 401)
    }

    @Test func wrongCodesLockTheAccount() async {
        for _ in 0..<3 { #expect(await home.authenticate(totp("000000")).status == 401) }
        #expect(await home.authenticate(totp(code())).status == 401)
        home.clock.pass(.seconds(1_801))
        #expect(await home.authenticate(totp(code())).status == 401)
        let receipt = await home.authenticate(totp(code())).headers["openstack-auth-receipt"]
        #expect(receipt != nil)
    }

    @Test func rulesThatAreSwitchedOffOrHoldNothingKnownAskForNothing() async {
        let off: JSON = ["options": ["multi_factor_auth_enabled": false]]
        _ = await home.send("PATCH", "/users/\(ann)", ["user": off])
        #expect(await home.authenticate(Household.password("ann", "pass")).status == 201)
        let rules: JSON = ["options": ["multi_factor_auth_rules": [["sorcery"]]]]
        let bob = await home.makeUser("bob")
        _ = await home.send("PATCH", "/users/\(bob)", ["user": rules])
        #expect(await home.authenticate(Household.password("bob", "pass")).status == 201)
    }
}
