import Base
import Crypto
import Synchronization
import Testing

/// Chance that says 0, 1, 2, 3 … byte by byte, as the specification's examples want it.
private final class CountingChance: Chance {
    private let words = Mutex<UInt64>(0)

    func next() -> UInt64 {
        words.withLock { word in
            defer { word += 1 }
            return 0x0706_0504_0302_0100 + word * 0x0808_0808_0808_0808
        }
    }
}

@Suite struct FernetTests {
    /// The specification's example.
    let key: FernetKey
    let keys: FernetKeys
    let sealed = Moment(seconds: 499_162_800)
    let hello = "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA=="

    init() throws {
        key = try FernetKey("cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=")
        keys = try FernetKeys([key])
    }

    @Test func sealingGivesTheSpecificationsToken() {
        #expect(keys.seal(Array("hello".utf8), at: sealed, chance: CountingChance()) == hello)
    }

    @Test func openingGivesBackWhatWasSealedAndWhen() throws {
        let opened = try #require(keys.open(hello))
        #expect(opened.payload == Array("hello".utf8))
        #expect(opened.sealed == sealed)
    }

    @Test func aLifetimeEnds() {
        let minute = Duration.seconds(60)
        #expect(keys.open(hello, now: sealed + .seconds(1), lifetime: minute) != nil)
        #expect(keys.open(hello, now: sealed + .seconds(60), lifetime: minute) != nil)
        #expect(keys.open(hello, now: sealed + .seconds(61), lifetime: minute) == nil)
    }

    @Test func aClockMayBeAMinuteAheadAndNoMore() {
        #expect(keys.open(hello, now: sealed - .seconds(60), lifetime: .seconds(60)) != nil)
        #expect(keys.open(hello, now: sealed - .seconds(61), lifetime: .seconds(60)) == nil)
    }

    /// Made by another implementation under the specification's key.
    @Test(arguments: [
        (
            "incorrect code",
            "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="
        ),
        (
            "another version",
            "gQAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLKY7covSkDHw9ma-418Z5yfJ0bAi-R_TUVpW6VSXlO8JA=="
        ),
        ("too short", "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0OD2IXeW0FYyXiuAJk_zX-E-FTBOpoVs4HED35KbDYabN0"),
        (
            "not a multiple of the block",
            "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODwEBAQEBAQEBAQEBAQEBAZDKQIEWPDBKoVSfmAieHQDOVSoaN9hMAxTJ3IN5ZZ1m"
        ),
        (
            "wrong padding",
            "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0OD3BF0C8m07H9vhOEAnW54dD1SSFlDFwE0jl8DRXjSobTcvkO7NlZjyBHXA0FbH8MJg=="
        ),
        (
            "not base 64",
            "%%%%%%%%%%%%%AECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA=="
        ),
        (
            "half the padding",
            "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA="
        ),
        ("empty", ""),
    ])
    func refuses(_ what: String, token: String) {
        #expect(keys.open(token) == nil)
    }

    @Test func everyCharacterCounts() {
        for place in hello.indices.dropLast(2) {
            var changed = hello
            changed.replaceSubrange(place...place, with: hello[place] == "A" ? "B" : "A")
            #expect(keys.open(changed) == nil)
        }
    }

    /// Made by Python's cryptography.
    @Test(arguments: [
        (
            "g5ZxRHw7JGoFVWZir1-SGI7tcAXWrcYUtHGS2g0-xD8=", "a token of another program",
            "gAAAAABpVbkAZGVmZ2hpamtsbW5vcHFyc576GfmhLxkEMq_wAPJou4wc-MyynyOyGDj2rATHnatHyrobWbmINsxZ3E6EuIuQ8e2CK2Fohf1mwRStnG1irow="
        ),
        (
            "q8KZeCwEkEcyFcSbjH1o4rVHIolahWrE3GohvJoSkEs=", "",
            "gAAAAABpVbkAAAECAwQFBgcICQoLDA0OD3iS0yP-uqTizpjnyUb9PIbTCyKL6oiAdAz_7rEG9UlCBjuqk3rS4Z0TJGyTI9TYcg=="
        ),
    ])
    func opensWhatOthersSealed(key: String, payload: String, token: String) throws {
        let opened = try #require(try FernetKeys([FernetKey(key)]).open(token))
        #expect(opened.payload == Array(payload.utf8))
        #expect(opened.sealed.seconds == 1_767_225_600)
    }

    @Test func theFirstKeySealsAndAnyOpens() throws {
        let chance = SeededChance(seed: 1)
        let new = FernetKey(chance)
        let both = try FernetKeys([new, key])
        #expect(both.open(hello)?.payload == Array("hello".utf8))
        let token = both.seal([1, 2, 3], at: sealed, chance: chance)
        #expect(try FernetKeys([new]).open(token)?.payload == [1, 2, 3])
        #expect(keys.open(token) == nil)
    }

    @Test func paddingMayBeLeftOut() throws {
        let token = keys.seal([1], at: sealed, chance: SeededChance(seed: 1), padded: false)
        #expect(!token.contains("="))
        #expect(keys.open(token)?.payload == [1])
    }

    @Test(arguments: [
        "", "abc", "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4", "cw/0x689RpI+jtRR7oE8h/eQsKImvJapLeSbXpwF4e4=",
    ])
    func refusesWhatIsNoKey(text: String) {
        #expect(throws: Failure.self) { try FernetKey(text) }
    }

    @Test func noKeyIsEverPrinted() { #expect(!"\(key)".contains("cw_")) }

    @Test func withoutAKeyNothingIsSealed() { #expect(throws: Failure.self) { try FernetKeys([]) } }
}
