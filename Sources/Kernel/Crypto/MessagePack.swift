/// A value of MessagePack, as far as sealed payloads need it: no maps and no extensions.
package enum MessagePack: Sendable, Hashable {
    case null
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case string(String)
    case binary([UInt8])
    case array([MessagePack])
}

extension MessagePack {
    package var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    package var integer: Int64? { if case .integer(let value) = self { value } else { nil } }
    package var number: Double? { if case .number(let value) = self { value } else { nil } }
    package var string: String? { if case .string(let value) = self { value } else { nil } }
    package var binary: [UInt8]? { if case .binary(let value) = self { value } else { nil } }
    package var array: [MessagePack]? { if case .array(let value) = self { value } else { nil } }
    package var isNull: Bool { self == .null }
}

extension MessagePack: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByStringLiteral, ExpressibleByArrayLiteral
{
    package init(nilLiteral: ()) { self = .null }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(integerLiteral value: Int64) { self = .integer(value) }
    package init(floatLiteral value: Double) { self = .number(value) }
    package init(stringLiteral value: String) { self = .string(value) }
    package init(arrayLiteral elements: MessagePack...) { self = .array(elements) }
}

// MARK: - Writing

extension MessagePack {
    /// In the shortest form there is, so that the same value is always the same bytes.
    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(128)
        write(to: &bytes)
        return bytes
    }

    private func write(to bytes: inout [UInt8]) {
        switch self {
        case .null: bytes.append(0xC0)
        case .bool(let value): bytes.append(value ? 0xC3 : 0xC2)
        case .integer(let value): Self.write(value, to: &bytes)
        case .number(let value):
            bytes.append(0xCB)
            Self.write(bits: value.bitPattern, bytes: 8, to: &bytes)
        case .string(let value):
            let text = value.utf8
            Self.write(count: text.count, short: (0xA0, 32), wide: [(0xD9, 1), (0xDA, 2), (0xDB, 4)], to: &bytes)
            bytes.append(contentsOf: text)
        case .binary(let value):
            Self.write(count: value.count, short: (0, 0), wide: [(0xC4, 1), (0xC5, 2), (0xC6, 4)], to: &bytes)
            bytes.append(contentsOf: value)
        case .array(let values):
            Self.write(count: values.count, short: (0x90, 16), wide: [(0xDC, 2), (0xDD, 4)], to: &bytes)
            for value in values { value.write(to: &bytes) }
        }
    }

    private static func write(_ value: Int64, to bytes: inout [UInt8]) {
        let bits = UInt64(bitPattern: value)
        switch value {
        case -32...127: bytes.append(UInt8(truncatingIfNeeded: bits))
        case 128...0xFF: write(marker: 0xCC, bits, bytes: 1, to: &bytes)
        case 0x100...0xFFFF: write(marker: 0xCD, bits, bytes: 2, to: &bytes)
        case 0x1_0000...0xFFFF_FFFF: write(marker: 0xCE, bits, bytes: 4, to: &bytes)
        case 0x1_0000_0000...: write(marker: 0xCF, bits, bytes: 8, to: &bytes)
        case -0x80 ..< -32: write(marker: 0xD0, bits, bytes: 1, to: &bytes)
        case -0x8000 ..< -0x80: write(marker: 0xD1, bits, bytes: 2, to: &bytes)
        case -0x8000_0000 ..< -0x8000: write(marker: 0xD2, bits, bytes: 4, to: &bytes)
        default: write(marker: 0xD3, bits, bytes: 8, to: &bytes)
        }
    }

    private static func write(marker: UInt8, _ bits: UInt64, bytes count: Int, to bytes: inout [UInt8]) {
        bytes.append(marker)
        write(bits: bits, bytes: count, to: &bytes)
    }

    private static func write(bits: UInt64, bytes count: Int, to bytes: inout [UInt8]) {
        for place in stride(from: count - 1, through: 0, by: -1) {
            bytes.append(UInt8(truncatingIfNeeded: bits >> UInt64(place * 8)))
        }
    }

    /// A length: within the marker where it is short enough, else behind the narrowest marker that holds it.
    private static func write(
        count: Int, short: (marker: UInt8, below: Int), wide: [(marker: UInt8, bytes: Int)], to bytes: inout [UInt8]
    ) {
        if count < short.below { return bytes.append(short.marker | UInt8(count)) }
        for form in wide where count >> (form.bytes * 8) == 0 {
            return write(marker: form.marker, UInt64(count), bytes: form.bytes, to: &bytes)
        }
        preconditionFailure("A value of 4 GiB is no payload.")
    }
}
