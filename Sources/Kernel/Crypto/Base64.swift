/// Base 64 (RFC 4648). Reading is strict: no blanks, no foreign characters, no stray bits behind the last byte.
package struct Base64: Sendable {
    package enum Padding: Sendable { case required, forbidden, optional }

    private let alphabet: StaticString
    private let values: [UInt8]
    private let padding: Padding

    /// With `+`, `/` and padding.
    package static let standard = Base64("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", .required)
    /// With `-`, `_` and padding.
    package static let url = Base64("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", .required)

    private static let foreign: UInt8 = 0xFF
    private static let pad = UInt8(ascii: "=")

    private init(_ alphabet: StaticString, _ padding: Padding) {
        self.alphabet = alphabet
        self.padding = padding
        var values = [UInt8](repeating: Self.foreign, count: 256)
        for value in 0..<64 { values[Int(alphabet.utf8Start[value])] = UInt8(value) }
        self.values = values
    }

    private init(_ other: Base64, _ padding: Padding) {
        alphabet = other.alphabet
        values = other.values
        self.padding = padding
    }

    /// Never written, refused when read.
    package var unpadded: Base64 { Base64(self, .forbidden) }
    /// Written, but not missed when read.
    package var lenientlyPadded: Base64 { Base64(self, .optional) }

    package func text(_ bytes: [UInt8]) -> String { bytes.withUnsafeBytes { text($0) } }
    package func text(_ text: String) -> String { self.text(Array(text.utf8)) }

    func text(_ bytes: UnsafeRawBufferPointer) -> String {
        let groups = bytes.count / 3
        let rest = bytes.count % 3
        let digits = alphabet.utf8Start
        return String(unsafeUninitializedCapacity: (groups + 1) * 4) { text in
            for group in 0..<groups {
                let bits =
                    UInt32(bytes[group * 3]) << 16 | UInt32(bytes[group * 3 + 1]) << 8 | UInt32(bytes[group * 3 + 2])
                text[group * 4] = digits[Int(bits >> 18)]
                text[group * 4 + 1] = digits[Int(bits >> 12 & 63)]
                text[group * 4 + 2] = digits[Int(bits >> 6 & 63)]
                text[group * 4 + 3] = digits[Int(bits & 63)]
            }
            guard rest > 0 else { return groups * 4 }
            var place = groups * 4
            let second = rest == 2 ? bytes[groups * 3 + 1] : 0
            let bits = UInt32(bytes[groups * 3]) << 16 | UInt32(second) << 8
            for digit in 0...rest {
                text[place] = digits[Int(bits >> UInt32(18 - 6 * digit) & 63)]
                place += 1
            }
            guard padding != .forbidden else { return place }
            for _ in rest..<3 {
                text[place] = Self.pad
                place += 1
            }
            return place
        }
    }

    /// The bytes that a text stands for, or nil when it is not of this form.
    package func bytes(_ text: String) -> [UInt8]? {
        var text = text
        return text.withUTF8 { bytes($0) }
    }

    func bytes(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
        guard let count = digits(in: text) else { return nil }
        let rest = count % 4
        guard rest != 1 else { return nil }
        var sound = true
        let bytes = [UInt8](count: count / 4 * 3 + (rest == 0 ? 0 : rest - 1)) { bytes in
            sound = values.withUnsafeBufferPointer { read(text, count, $0, into: bytes) }
        }
        return sound ? bytes : nil
    }

    /// How many characters there are before the padding, or nil when it is not padded as it should be.
    private func digits(in text: UnsafeBufferPointer<UInt8>) -> Int? {
        var count = text.count
        while count > 0, text.count - count < 2, text[count - 1] == Self.pad { count -= 1 }
        let padded = count < text.count
        switch padding {
        case .forbidden where padded: return nil
        case .required where text.count % 4 != 0: return nil
        case .optional where padded && text.count % 4 != 0: return nil
        default: return count
        }
    }

    private func read(
        _ text: UnsafeBufferPointer<UInt8>, _ count: Int, _ values: UnsafeBufferPointer<UInt8>,
        into bytes: UnsafeMutablePointer<UInt8>
    ) -> Bool {
        var seen: UInt8 = 0
        var output = bytes
        var place = 0
        while place + 4 <= count {
            let first = values[Int(text[place])]
            let second = values[Int(text[place + 1])]
            let third = values[Int(text[place + 2])]
            let fourth = values[Int(text[place + 3])]
            seen |= first | second | third | fourth
            output[0] = first << 2 | second >> 4
            output[1] = second << 4 | third >> 2
            output[2] = third << 6 | fourth
            output += 3
            place += 4
        }
        guard seen < 64 else { return false }
        guard place < count else { return true }
        let first = values[Int(text[place])]
        let second = values[Int(text[place + 1])]
        let third = count - place == 3 ? values[Int(text[place + 2])] : 0
        guard first | second | third < 64 else { return false }
        output[0] = first << 2 | second >> 4
        guard count - place == 3 else { return second & 0xF == 0 }
        output[1] = second << 4 | third >> 2
        return third & 0x3 == 0
    }
}
