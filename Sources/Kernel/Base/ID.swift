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

    package var dashed: String { dashed(after: "") }

    /// With something before it: "req-…".
    package func dashed(after prefix: StaticString) -> String {
        let start = prefix.utf8CodeUnitCount
        return String(unsafeUninitializedCapacity: start + 36) { text in
            let bytes = UnsafeMutableRawBufferPointer(text)
            prefix.withUTF8Buffer { bytes.copyBytes(from: $0) }
            let middle = (Hex.digits(UInt32(truncatingIfNeeded: high)), Hex.digits(UInt32(low >> 32)))
            // In memory the first digit is the lowest byte.
            bytes.storeBytes(of: Hex.digits(UInt32(high >> 32)), toByteOffset: start, as: UInt64.self)
            bytes.storeBytes(of: UInt32(truncatingIfNeeded: middle.0), toByteOffset: start + 9, as: UInt32.self)
            bytes.storeBytes(of: UInt32(middle.0 >> 32), toByteOffset: start + 14, as: UInt32.self)
            bytes.storeBytes(of: UInt32(truncatingIfNeeded: middle.1), toByteOffset: start + 19, as: UInt32.self)
            bytes.storeBytes(of: UInt32(middle.1 >> 32), toByteOffset: start + 24, as: UInt32.self)
            let end = Hex.digits(UInt32(truncatingIfNeeded: low))
            bytes.storeBytes(of: end, toByteOffset: start + 28, as: UInt64.self)
            for dash in [8, 13, 18, 23] { bytes[start + dash] = UInt8(ascii: "-") }
            return start + 36
        }
    }
}

package enum Hex {
    /// The digit for the lower half of a byte.
    static func digit(_ byte: UInt8) -> UInt8 {
        let value = byte & 15
        return value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }

    /// The eight digits of a number at once, the first of them in the lowest byte.
    static func digits(_ number: UInt32) -> UInt64 {
        let number = UInt64(number)
        var spread = (number & 0xFFFF) << 32 | number >> 16
        spread = (spread & 0x0000_FF00_0000_FF00) >> 8 | (spread & 0x0000_00FF_0000_00FF) << 16
        spread = (spread & 0x00F0_00F0_00F0_00F0) >> 4 | (spread & 0x000F_000F_000F_000F) << 8
        // Each byte is 0…15 now; those from ten on are letters, which stand further on.
        let letters = (spread + 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
        return spread + 0x3030_3030_3030_3030 + letters * UInt64(UInt8(ascii: "a") - UInt8(ascii: "0") - 10)
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
