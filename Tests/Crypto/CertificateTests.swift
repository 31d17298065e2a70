import Base
import Crypto
import Testing

@Suite struct CertificateTests {
    let chance = SeededChance(seed: 8)
    let now = Moment(seconds: 1_795_000_000)
    let authorityKey: PrivateKey
    let authority: Certificate

    init() throws {
        authorityKey = try PrivateKey.make(.p256)
        authority = try CertificateDraft(
            commonName: "Martlet", uses: [.authority], notBefore: now, notAfter: now + .seconds(86_400 * 3_650)
        ).selfSigned(by: authorityKey, chance: chance)
    }

    func server(names: [String] = ["cloud.example.com", "*.cloud.example.com"], commonName: String = "cloud")
        -> CertificateDraft
    {
        CertificateDraft(
            commonName: commonName, uses: [.server, .client], names: names,
            addresses: [IPAddress("192.0.2.1"), IPAddress("2001:db8::1")].compactMap { $0 }, notBefore: now,
            notAfter: now + .seconds(86_400))
    }

    @Test(arguments: [PrivateKey.Kind.ed25519, .p256, .rsa(bits: 2_048)])
    func anAuthoritySignsForOthers(kind: PrivateKey.Kind) throws {
        let key = try PrivateKey.make(kind)
        let certificate = try server().signed(for: key, by: authorityKey, of: authority, chance: chance)
        #expect(certificate.isSigned(by: authority))
        #expect(!certificate.isSigned(by: certificate))
        #expect(certificate.belongs(to: key))
        #expect(!certificate.belongs(to: authorityKey))
        #expect(certificate.notBefore == now)
        #expect(certificate.notAfter == now + .seconds(86_400))
    }

    @Test(arguments: [PrivateKey.Kind.ed25519, .p256]) func oneMaySignForOneself(kind: PrivateKey.Kind) throws {
        let key = try PrivateKey.make(kind)
        let certificate = try server().selfSigned(by: key, chance: chance)
        #expect(certificate.isSigned(by: certificate))
        #expect(!certificate.isSigned(by: authority))
    }

    @Test(arguments: [
        ("cloud.example.com", true), ("api.cloud.example.com", true), ("a.b.cloud.example.com", false),
        ("example.com", false),
        ("192.0.2.1", true), ("192.0.2.2", false), ("2001:db8::1", true), ("2001:db8::2", false),
    ])
    func itIsGoodForItsHostsOnly(host: String, good: Bool) throws {
        let certificate = try server().selfSigned(by: authorityKey, chance: chance)
        #expect(certificate.isGood(forHost: host) == good)
    }

    @Test func itComesBackFromPEM() throws {
        let again = try Certificate(pem: authority.pem)
        #expect(again.pem == authority.pem)
        #expect(again.fingerprint(.sha1) == authority.fingerprint(.sha1))
        #expect(again.fingerprint(.sha1).count == 59)
        #expect(throws: Failure.self) { try Certificate(pem: "nothing") }
    }

    @Test func aRequestIsSignedForItsOwnKeyAlone() throws {
        let request = """
            -----BEGIN CERTIFICATE REQUEST-----
            MIHKMHICAQAwEDEOMAwGA1UEAwwFYXNrZWQwWTATBgcqhkjOPQIBBggqhkjOPQMB
            BwNCAAQtViphfp37BDfWYToDhvu5wkGOjolX1Nep/XsVGIgyejjs19m2sWZ0bYW5
            dPuKa5/SurOLmkDt22AIo4DQeGzPoAAwCgYIKoZIzj0EAwIDSAAwRQIga2iTcMRN
            SPPK60rOCYbOh4pzoR6JJOsMrE1DOY2kH9ECIQCNfUCXZm5ztKZe7oQaVjvaUtGv
            duyEFGFB5DeREq/M4w==
            -----END CERTIFICATE REQUEST-----
            """
        let certificate = try server().signed(forRequest: request, by: authorityKey, of: authority, chance: chance)
        #expect(certificate.isSigned(by: authority))
        #expect(certificate.belongs(to: try PrivateKey(pem: KeyTests.p256)))
        let forged = request.replacing("YXNrZWQ", with: "dGFrZW4")
        #expect(throws: Failure.self) {
            try server().signed(forRequest: forged, by: authorityKey, of: authority, chance: chance)
        }
    }

    @Test func onlyTheAuthoritysKeySignsForIt() throws {
        let other = try PrivateKey.make(.ed25519)
        #expect(throws: Failure.self) { try server().signed(for: other, by: other, of: authority, chance: chance) }
    }

    @Test(arguments: ["a,IP:10.0.0.1", "", "a b", "é.example", "a\n"]) func aNameCannotSmuggle(name: String) {
        #expect(throws: Failure.self) { try server(names: [name]).selfSigned(by: authorityKey, chance: chance) }
    }

    @Test(arguments: ["", String(repeating: "x", count: 65)]) func aCommonNameHasItsLength(name: String) {
        #expect(throws: Failure.self) { try server(commonName: name).selfSigned(by: authorityKey, chance: chance) }
    }
}
