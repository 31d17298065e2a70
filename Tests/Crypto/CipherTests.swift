import Base
import Crypto
import Testing

@Suite struct CipherTests {
    /// NIST SP 800-38A, F.2.1, first block; the second block is the padding.
    @Test func cbcIsTheStandardOne() throws {
        let key = try #require(Hex.bytes("2b7e151628aed2a6abf7158809cf4f3c"))
        let iv = try #require(Hex.bytes("000102030405060708090a0b0c0d0e0f"))
        let plain = try #require(Hex.bytes("6bc1bee22e409f96e93d7e117393172a"))
        let cipher = try AESCBC(key: key)
        let sealed = try cipher.seal(plain, iv: iv)
        #expect(Hex.text(Array(sealed.prefix(16))) == "7649abac8119b246cee98e9b12e9197d")
        #expect(sealed.count == 32)
        #expect(try cipher.open(sealed, iv: iv) == plain)
        #expect(try cipher.open(sealed, iv: iv) == plain, "the same again")
    }

    @Test func cbcNoticesBrokenPadding() throws {
        let cipher = try AESCBC(key: [UInt8](repeating: 1, count: 16))
        let iv = [UInt8](repeating: 2, count: 16)
        let sealed = try cipher.seal(Array("hello".utf8), iv: iv)
        #expect(try cipher.open(Array(sealed.dropLast()), iv: iv) == nil)
        #expect(try cipher.open([], iv: iv) == nil)
        #expect(try cipher.open(sealed, iv: [UInt8](repeating: 0x82, count: 16)) == nil)
        #expect(try cipher.seal([], iv: iv).count == 16)
        #expect(try cipher.open(try cipher.seal([], iv: iv), iv: iv) == [])
    }

    @Test func keysOfTheWrongLengthAreRefused() {
        #expect(throws: Failure.self) { try AESCBC(key: [1, 2, 3]) }
        #expect(throws: Failure.self) { try AESGCM(key: [UInt8](repeating: 0, count: 16)) }
        #expect(throws: Failure.self) { try AESCBC(key: [UInt8](repeating: 0, count: 16)).seal([], iv: [1]) }
    }

    /// Made by another implementation.
    @Test func gcmOpensWhatOthersSealed() throws {
        let cipher = try AESGCM(key: Array(0..<32))
        let hidden = try #require(Hex.bytes("2622a57ea697a76fc88b45c51dd5845a98ac3ce4e2733eb2"))
        let sealed = Array(0..<12) + hidden
        #expect(cipher.open(sealed, context: Array("whose".utf8)) == Array("a secret".utf8))
        #expect(cipher.open(sealed) == nil)
    }

    @Test func gcmOpensOnlyWhatWasSealed() throws {
        let cipher = try AESGCM(key: [UInt8](repeating: 7, count: 32))
        let chance = SeededChance(seed: 3)
        for plain in [[], [1], Array("a longer secret than one block".utf8)] {
            let sealed = cipher.seal(plain, context: [9], chance: chance)
            #expect(cipher.open(sealed, context: [9]) == plain)
            for place in sealed.indices {
                var changed = sealed
                changed[place] ^= 1
                #expect(cipher.open(changed, context: [9]) == nil)
            }
        }
        #expect(cipher.open([1, 2, 3]) == nil)
        #expect(cipher.seal([1], chance: chance) != cipher.seal([1], chance: chance), "a nonce is never used twice")
    }
}
