import Base
import Crypto
import Testing

@Suite struct BaseEncodingTests {
    /// RFC 4648, section 10.
    @Test(arguments: [
        ("", "", ""), ("f", "Zg==", "MY======"), ("fo", "Zm8=", "MZXQ===="), ("foo", "Zm9v", "MZXW6==="),
        ("foob", "Zm9vYg==", "MZXW6YQ="), ("fooba", "Zm9vYmE=", "MZXW6YTB"), ("foobar", "Zm9vYmFy", "MZXW6YTBOI======"),
    ])
    func theStandardsExamplesHold(plain: String, base64: String, base32: String) {
        let bytes = Array(plain.utf8)
        #expect(Base64.standard.text(bytes) == base64)
        #expect(Base64.standard.bytes(base64) == bytes)
        #expect(Base32.text(bytes) == base32)
        #expect(Base32.bytes(base32) == bytes)
        let unpadded = String(base64.prefix { $0 != "=" })
        #expect(Base64.url.unpadded.text(bytes) == unpadded)
        #expect(Base64.url.unpadded.bytes(unpadded) == bytes)
        #expect(Base32.bytes(String(base32.prefix { $0 != "=" })) == bytes)
    }

    @Test func whatIsWrittenIsRead() {
        let chance = SeededChance(seed: 1)
        for count in 0..<70 {
            let bytes = chance.bytes(count)
            #expect(Base64.standard.bytes(Base64.standard.text(bytes)) == bytes)
            #expect(Base64.url.unpadded.bytes(Base64.url.unpadded.text(bytes)) == bytes)
            #expect(Base32.bytes(Base32.text(bytes)) == bytes)
        }
    }

    @Test func theTwoAlphabetsDifferInTwoLetters() {
        #expect(Base64.standard.text([0xFB, 0xEF, 0xFF]) == "++//")
        #expect(Base64.url.text([0xFB, 0xEF, 0xFF]) == "--__")
        #expect(Base64.standard.bytes("--__") == nil)
        #expect(Base64.url.bytes("++//") == nil)
    }

    @Test(arguments: [
        "Zg", "Zg=", "Z", "Z===", "Zg===", "Zm9v=", "Zm9v====", "Zg==\n", " Zg==", "Z=g=", "=Zg=", "Zh==", "Zm9=",
        "Zé==",
    ])
    func strictReadingRefuses(text: String) {
        #expect(Base64.standard.bytes(text) == nil)
    }

    @Test func paddingIsAskedForAsOneLikes() {
        #expect(Base64.url.unpadded.bytes("Zg==") == nil)
        #expect(Base64.url.lenientlyPadded.bytes("Zg==") == [0x66])
        #expect(Base64.url.lenientlyPadded.bytes("Zg") == [0x66])
        #expect(Base64.url.lenientlyPadded.bytes("Zg=") == nil)
        #expect(Base64.url.lenientlyPadded.text([0x66]) == "Zg==")
    }

    @Test(arguments: ["my======", "M=======", "MY=====", "MZ======", "MY======MY======", "M1======", "========"])
    func strictReadingOfBase32Refuses(text: String) {
        #expect(Base32.bytes(text) == nil)
    }
}
