import Base
import Crypto
import Testing

@testable import Identity

/// Tokens as Keystone makes them: `msgpack.packb` of its payloads, in `cryptography`'s Fernet, with the key below.
@Suite struct TokenSealTests {
    static let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    static let user: ID<User> = ID("0123456789abcdef0123456789abcdef")
    static let project: TokenContent.Target = .project(ID("fedcba9876543210fedcba9876543210"))
    static let audit = ["AAECAwQFBgcICQoLDA0ODw", "EBESExQVFhcYGRobHB0eHw"]

    struct Reference: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let text: String
        let content: TokenContent
    }

    static func content(
        _ target: TokenContent.Target, user: ID<User> = user, methods: [TokenMethod] = [.password],
        delegation: TokenContent.Delegation? = nil, audit: [String] = [audit[0]]
    ) -> TokenContent {
        TokenContent(
            user: user, methods: methods, target: target, delegation: delegation,
            issued: Moment(seconds: 1_795_234_031),
            expires: Moment(microseconds: 1_795_237_631_500_000), auditIDs: audit)
    }

    static let references: [Reference] = [
        Reference(
            testDescription: "unscoped",
            text:
                "gAAAAABrARjvX8nOPjFGCZ8qkQNNqJ9J_LWPLXg5XfWTWiAnwV-xC9uCDpeTuQBvWPE7cpD0wnmZrSYbdCK_IkXo0m5ahz96gPeLkBM5zySCgNNNJfh1q3D4s1SOt2duoCN6KuF233ESQ_pOVqoG6tUOrvdLqqRChA",
            content: content(.unscoped)),
        Reference(
            testDescription: "domain",
            text:
                "gAAAAABrARjvohE6MDDZam1hdJcb1EQZc3nSdMcuYo-Mwgb8ru8bHeJ_IMHDIiYeVOgbtFVeua3qO3znEIpcJbjD6lTm-1VTAM9c0vNkH5XsP02wfpw-w7ARySqa97zwJGZ0ArgFLNxbCtfzq6Y_csvIwdFKyli7Cw",
            content: content(.domain(ID("default")))),
        Reference(
            testDescription: "project",
            text:
                "gAAAAABrARjvIOl8Kh9-CdU17iL9ueJr2_uZyZaJ6cLB1OVDKUwuxdGiSvwpzolWpoJaGD2rD7xUvQnz4RZqk0D5cOxnqetJ8rIe5BewGdHPSi84g7YT3_1C7m3Fxo068pPJY4gtZo9AeXRSi0XBGDJ87CIU5OLM_kWfbLKtoXy8lIkmb-hNu7tiLoV7RQGx5cQAcsR8rs2Z",
            content: content(project, methods: [.password, .token], audit: audit)),
        Reference(
            testDescription: "trust",
            text:
                "gAAAAABrARjvzOsDSmXkqyvOBzae5FNN2xX4sAvHnAdBLBcjr_5LCZBsvIQT1bnc-QtDcB414-UJFllwTwPhTyrU0BMpstYVgfRm7gGfbXypSPu6DXZ-uwl1CWB9oW5edwkyqEddCz881souQN-ldjjgBF-LOGYXfsTPHKjAIN_XSuidAyfOwgiI7KbQLyfCMd3XKQU_3e1k",
            content: content(project, delegation: .trust(ID("11112222333344445555666677778888")))),
        Reference(
            testDescription: "system",
            text:
                "gAAAAABrARjvh1J0TOOngvi9Kzp30K3TFbLHi2LFFhoKrD7v6EXj79KEwTD4XjaIa0kMkx-V_3a_36R6qI3N0sUOz2wC71M7nah0F5qbR855ymVePfUt5v1cJ09irORHP8ewHmj4FOQK",
            content: content(.system, user: ID("ldap-user"))),
        Reference(
            testDescription: "application credential",
            text:
                "gAAAAABrARjvrDT2r-AdSW91I-Et4KlUdfAuS6SHdhWCoszSaKdU7XrrtdNDsrN21sxKsIHLhAuIL9p9hKfo9aDmy-QfneJa3p6AhdUdqqRy1W8_pMo6EZwqEcSQcgBCHj-p6aRalSq5T5clrbFqZN7jiLTBG_xEM5Cvi9LIKVB0CTh2LqIwrgFzjMLubd4xtwzgzbWa-dsf",
            content: content(
                project, methods: [.applicationCredential],
                delegation: .applicationCredential(ID("99990000aaaabbbbccccddddeeeeffff")))),
    ]

    let keys: FernetKeys
    let seal: TokenSeal

    init() throws {
        keys = try FernetKeys([FernetKey(TokenSealTests.key)])
        seal = TokenSeal(keys: FixedKeys(keys: keys), chance: SeededChance(seed: 7))
    }

    @Test(arguments: references) func aTokenOfKeystonesIsRead(_ reference: Reference) {
        #expect(seal.open(reference.text) == reference.content)
    }

    /// The vector differs, what is sealed does not: byte for byte what Keystone would have sealed.
    @Test(arguments: references) func keystoneFindsInOursWhatItWouldHavePutThere(_ reference: Reference) {
        let own = seal.seal(reference.content)
        #expect(own != reference.text)
        #expect(!own.contains("="))
        #expect(keys.open(own)?.payload == keys.open(reference.text)?.payload)
        #expect(keys.open(own)?.sealed == keys.open(reference.text)?.sealed)
    }

    @Test func aTokenIsNeverTakenForAReceiptNorAReceiptForAToken() {
        let receipt = Receipt(
            user: TokenSealTests.user, methods: [.password], issued: Moment(seconds: 1_795_234_031),
            expires: Moment(seconds: 1_795_234_331))
        let text = seal.seal(receipt)
        #expect(seal.openReceipt(text) == receipt)
        #expect(seal.open(text) == nil)
        for reference in TokenSealTests.references { #expect(seal.openReceipt(reference.text) == nil) }
    }

    @Test func whatAnotherKeySealedOrSomebodyChangedIsRefused() throws {
        let reference = TokenSealTests.references[2]
        let others = try FernetKeys([FernetKey(SeededChance(seed: 8))])
        #expect(TokenSeal(keys: FixedKeys(keys: others), chance: SeededChance(seed: 7)).open(reference.text) == nil)
        for place in [0, 20, 60, reference.text.count - 2] {
            var changed = Array(reference.text)
            changed[place] = changed[place] == "A" ? "B" : "A"
            #expect(seal.open(String(changed)) == nil)
        }
    }
}
