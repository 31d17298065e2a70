import Base
import Crypto
import Testing

@Suite struct DigestTests {
    @Test(arguments: [
        (Digest.md5, "900150983cd24fb0d6963f7d28e17f72"),
        (.sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            .sha512,
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
        ),
    ])
    func digestsAreTheStandardOnes(digest: Digest, expected: String) {
        #expect(digest.hex("abc") == expected)
        #expect(digest.hash("abc").count == digest.length)
    }

    @Test(arguments: Digest.allCases) func aBodyInPiecesHasTheDigestOfTheWhole(digest: Digest) {
        let body = [UInt8]("a body that comes in pieces".utf8)
        var running = RunningDigest(digest)
        for byte in body { running.update([byte]) }
        running.update([])
        #expect(running.finish() == digest.hash(body))
    }

    @Test func nothingHasADigestToo() {
        #expect(Digest.md5.hex("") == "d41d8cd98f00b204e9800998ecf8427e")
        #expect(RunningDigest(.md5).finish() == Digest.md5.hash([]))
    }

    /// RFC 2202 and RFC 4231, second test case.
    @Test(arguments: [
        (Digest.sha1, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
        (.sha256, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        (
            .sha512,
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"
        ),
    ])
    func authenticationCodesAreTheStandardOnes(digest: Digest, expected: String) {
        let hmac = HMAC(digest, key: "Jefe")
        #expect(Hex.text(hmac.code("what do ya want for nothing?")) == expected)
        #expect(Hex.text(hmac.code("what do ya want for nothing?")) == expected, "the same again")
    }

    @Test func aCodeVerifiesOnlyItsMessage() {
        let hmac = HMAC(.sha256, key: "secret")
        let code = hmac.code("message")
        #expect(hmac.verifies(code, of: Array("message".utf8)))
        #expect(!hmac.verifies(code, of: Array("massage".utf8)))
        #expect(!hmac.verifies(Array(code.dropLast()), of: Array("message".utf8)))
        #expect(HMAC(.sha256, key: "other").code("message") != code)
    }

    @Test func anEmptyKeyIsAKey() {
        let expected = "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"
        #expect(Hex.text(HMAC(.sha256, key: "").code("")) == expected)
    }

    @Test func manyThreadsMayShareOneKey() async {
        let hmac = HMAC(.sha256, key: "shared")
        let expected = (0..<200).map { HMAC(.sha256, key: "shared").code("message \($0)") }
        let codes = await withTaskGroup(of: (Int, [UInt8]).self) { group in
            for number in 0..<200 { group.addTask { (number, hmac.code("message \(number)")) } }
            return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
        #expect((0..<200).allSatisfy { codes[$0] == expected[$0] })
    }

    @Test func secretsAreComparedWhole() {
        #expect(constantTimeEqual("secret", "secret"))
        #expect(!constantTimeEqual("secret", "secreT"))
        #expect(!constantTimeEqual("secret", "secret "))
        #expect(constantTimeEqual("", ""))
    }
}
