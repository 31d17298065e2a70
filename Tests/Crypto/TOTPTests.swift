import Base
import Crypto
import Testing

@Suite struct TOTPTests {
    /// RFC 6238, appendix B.
    @Test(arguments: [
        (59, "94287082"), (1_111_111_109, "07081804"), (1_111_111_111, "14050471"), (1_234_567_890, "89005924"),
        (2_000_000_000, "69279037"), (20_000_000_000, "65353130"),
    ])
    func theStandardsExamplesHold(seconds: Int64, password: String) {
        let totp = TOTP(secret: Array("12345678901234567890".utf8))
        #expect(totp.password(at: Moment(seconds: seconds), digits: 8) == password)
        #expect(totp.password(at: Moment(seconds: seconds)) == password.suffix(6))
    }

    @Test func secretsComeInBase32() throws {
        let totp = try #require(TOTP(base32: "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"))
        #expect(totp.password(at: Moment(seconds: 59)) == "287082")
        #expect(TOTP(base32: "not base 32") == nil)
    }

    @Test func aPasswordEndsWithItsPeriodUnlessEarlierOnesAreTaken() throws {
        let totp = TOTP(secret: Array("12345678901234567890".utf8))
        #expect(totp.accepts("287082", at: Moment(seconds: 59)))
        #expect(!totp.accepts("287082", at: Moment(seconds: 60)))
        #expect(totp.accepts("287082", at: Moment(seconds: 60), earlierPeriods: 1))
        #expect(!totp.accepts("287082", at: Moment(seconds: 90), earlierPeriods: 1))
        #expect(!totp.accepts("287082", at: Moment(seconds: 29), earlierPeriods: 5), "nothing of the future")
    }
}
