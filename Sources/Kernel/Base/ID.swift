/// The identity of a thing, so that a user's id is never taken for a project's.
///
/// On the wire it is text: 32 hex digits in identity, a dashed UUID nearly everywhere else, and whatever a user chose
/// where users may choose (a region).
package struct ID<Thing>: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let text: String

    package init(_ text: String) { self.text = text }

    package var description: String { text }

    package static func < (left: ID, right: ID) -> Bool { left.text < right.text }

    /// 32 hex digits.
    package static func hex(_ chance: any Chance) -> ID { ID(UUID(chance).hex) }

    /// 8-4-4-4-12.
    package static func uuid(_ chance: any Chance) -> ID { ID(UUID(chance).dashed) }
}

/// A random UUID (version 4), and the two ways OpenStack writes one.
package struct UUID: Hashable, Sendable {
    package let high: UInt64
    package let low: UInt64

    package init(_ chance: any Chance) {
        high = (chance.next() & 0xFFFF_FFFF_FFFF_0FFF) | 0x4000
        low = (chance.next() & 0x3FFF_FFFF_FFFF_FFFF) | 0x8000_0000_0000_0000
    }

    /// From either spelling; nil for anything else.
    package init?(_ text: String) {
        var high: UInt64 = 0
        var low: UInt64 = 0
        var digits = 0
        var dashes = 0
        for byte in text.utf8 {
            if byte == UInt8(ascii: "-") {
                guard digits == 8 || digits == 12 || digits == 16 || digits == 20 else { return nil }
                dashes += 1
                continue
            }
            guard let value = Hex.value(byte), digits < 32 else { return nil }
            if digits < 16 { high = high << 4 | UInt64(value) } else { low = low << 4 | UInt64(value) }
            digits += 1
        }
        guard digits == 32, dashes == 0 || dashes == 4 else { return nil }
        self.high = high
        self.low = low
    }

    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(16)
        for shift in stride(from: 56, through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: high >> UInt64(shift)))
        }
        for shift in stride(from: 56, through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: low >> UInt64(shift)))
        }
        return bytes
    }

    package init?(bytes: [UInt8]) {
        guard bytes.count == 16 else { return nil }
        high = bytes[0..<8].reduce(0) { $0 << 8 | UInt64($1) }
        low = bytes[8..<16].reduce(0) { $0 << 8 | UInt64($1) }
    }

    package var hex: String { Hex.text(bytes) }

    package var dashed: String {
        String(unsafeUninitializedCapacity: 36) { text in
            var place = 0
            for index in 0..<32 {
                if index == 8 || index == 12 || index == 16 || index == 20 {
                    text[place] = UInt8(ascii: "-")
                    place += 1
                }
                let word = index < 16 ? high : low
                text[place] = Hex.digit(UInt8(truncatingIfNeeded: word >> UInt64(60 - index % 16 * 4)))
                place += 1
            }
            return place
        }
    }
}

package enum Hex {
    /// The digit for the lower half of a byte.
    static func digit(_ byte: UInt8) -> UInt8 {
        let value = byte & 15
        return value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }

    package static func text(_ bytes: [UInt8]) -> String {
        String(unsafeUninitializedCapacity: bytes.count * 2) { text in
            for (place, byte) in bytes.enumerated() {
                text[2 * place] = digit(byte >> 4)
                text[2 * place + 1] = digit(byte)
            }
            return bytes.count * 2
        }
    }

    package static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    package static func bytes(_ text: some StringProtocol) -> [UInt8]? {
        var bytes: [UInt8] = []
        var high: UInt8?
        for digit in text.utf8 {
            guard let value = value(digit) else { return nil }
            if let first = high {
                bytes.append(first << 4 | value)
                high = nil
            } else {
                high = value
            }
        }
        return high == nil ? bytes : nil
    }
}
