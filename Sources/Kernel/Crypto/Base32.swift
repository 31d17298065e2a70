/// Base 32 (RFC 4648), in which the secrets of one-time passwords are written. Reading wants upper case, and padding
/// either whole or not at all.
package enum Base32 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".utf8)
    private static let pad = UInt8(ascii: "=")

    package static func text(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        var bits: UInt32 = 0
        var held = 0
        for byte in bytes {
            bits = bits << 8 | UInt32(byte)
            held += 8
            while held >= 5 {
                held -= 5
                text.append(alphabet[Int(bits >> UInt32(held) & 31)])
            }
        }
        if held > 0 { text.append(alphabet[Int(bits << UInt32(5 - held) & 31)]) }
        while text.count % 8 != 0 { text.append(pad) }
        return String(decoding: text, as: UTF8.self)
    }

    /// The bytes that a text stands for, or nil when it is not of this form.
    package static func bytes(_ text: String) -> [UInt8]? {
        let all = Array(text.utf8)
        let digits = all.prefix { $0 != pad }
        let padding = all.count - digits.count
        guard all[digits.count...].allSatisfy({ $0 == pad }), padding == 0 || all.count % 8 == 0, padding < 8 else {
            return nil
        }
        guard [0, 2, 4, 5, 7].contains(digits.count % 8) else { return nil }
        var bytes: [UInt8] = []
        var bits: UInt32 = 0
        var held = 0
        for digit in digits {
            guard let value = value(digit) else { return nil }
            bits = bits << 5 | UInt32(value)
            held += 5
            guard held >= 8 else { continue }
            held -= 8
            bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(held)))
        }
        let stray = bits & (1 << UInt32(held) - 1)
        return stray == 0 ? bytes : nil
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): digit - UInt8(ascii: "A")
        case UInt8(ascii: "2")...UInt8(ascii: "7"): digit - UInt8(ascii: "2") + 26
        default: nil
        }
    }
}
