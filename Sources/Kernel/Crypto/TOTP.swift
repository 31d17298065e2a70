package import Base

/// One-time passwords by the clock (RFC 6238): HMAC-SHA1, 30 seconds, six digits, as keystone and phones have them.
package struct TOTP: Sendable {
    package static let period = Duration.seconds(30)
    package static let digits = 6

    private let code: HMAC

    package init(secret: [UInt8]) { code = HMAC(.sha1, key: secret) }

    /// From a secret in base 32, as it is stored, with or without its padding. Nil when it isn't that.
    package init?(base32 text: String) {
        guard let secret = Base32.bytes(text) else { return nil }
        self.init(secret: secret)
    }

    /// The password that holds at a moment.
    package func password(at moment: Moment, digits: Int = digits) -> String {
        let step = UInt64(max(moment.seconds, 0)) / UInt64(Self.period.components.seconds)
        var counter: [UInt8] = []
        for shift in stride(from: 56, through: 0, by: -8) {
            counter.append(UInt8(truncatingIfNeeded: step >> UInt64(shift)))
        }
        let hash = code.code(counter)
        let offset = Int(hash[hash.count - 1] & 15)
        let bits = hash[offset..<offset + 4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) } & 0x7FFF_FFFF
        var limit: UInt32 = 1
        for _ in 0..<digits { limit *= 10 }
        let text = String(bits % limit)
        return String(repeating: "0", count: digits - text.utf8.count) + text
    }

    /// Whether a password holds now, or held in one of so many periods before.
    package func accepts(_ password: String, at moment: Moment, earlierPeriods: Int = 0) -> Bool {
        (0...max(earlierPeriods, 0)).contains {
            constantTimeEqual(self.password(at: moment - Self.period * $0), password)
        }
    }
}
