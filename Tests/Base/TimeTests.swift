import Base
import Testing

@Suite struct TimeTests {
    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00.000000Z"), (1_795_228_231_000_001, "2026-11-21T02:30:31.000001Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00.000000Z"), (-1, "1969-12-31T23:59:59.999999Z"),
        ] as [(Int64, String)])
    func momentsAreWrittenAndReadBack(microseconds: Int64, text: String) {
        let moment = Moment(microseconds: microseconds)
        #expect(Timestamp.identity.text(moment) == text)
        #expect(Moment(iso8601: text) == moment)
    }

    @Test func offsetsCountEastOfGreenwich() {
        #expect(Moment(iso8601: "2026-11-21T03:30:00+01:00") == Moment(iso8601: "2026-11-21T02:30:00Z"))
        #expect(Moment(iso8601: "2026-11-21 02:30") == Moment(iso8601: "2026-11-21T02:30:00Z"))
    }

    @Test(arguments: [
        "", "2026", "2026-13-01", "2026-02-30", "2026-01-01T24:00:00Z", "2026-01-01Tx", "2026-01-01T00:00:00Zx",
    ])
    func whatIsNoDateIsNil(text: String) {
        #expect(Moment(iso8601: text) == nil)
    }

    @Test func identifiersHaveTheirTwoSpellings() {
        let uuid = UUID(SeededChance(seed: 1))
        #expect(uuid.hex.count == 32)
        #expect(uuid.dashed.replacing("-", with: "") == uuid.hex)
        #expect(uuid.dashed(after: "req-") == "req-" + uuid.dashed)
        #expect(UUID("00f0a9ff-1234-5678-9abc-def000000001")?.dashed == "00f0a9ff-1234-5678-9abc-def000000001")
        #expect(UUID(uuid.dashed) == uuid)
        #expect(UUID(uuid.hex) == uuid)
        #expect(UUID(bytes: uuid.bytes) == uuid)
        #expect(UUID("not-a-uuid") == nil)
    }

    @Test func theSameSeedGivesTheSameNumbers() {
        #expect(SeededChance(seed: 7).bytes(33) == SeededChance(seed: 7).bytes(33))
        #expect(SeededChance(seed: 7).next() != SeededChance(seed: 8).next())
    }
}
