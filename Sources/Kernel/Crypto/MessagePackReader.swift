package import Base

extension MessagePack {
    /// Reads one value that fills all of the bytes.
    package init(_ bytes: [UInt8]) throws(Failure) {
        var reader = MessagePackReader(bytes)
        self = try reader.value(depth: 0)
        guard reader.atEnd else { throw .invalid("There are bytes behind the payload's end.") }
    }
}

/// Walks through bytes once. Lengths are checked against what is there before anything is made of them.
private struct MessagePackReader {
    /// Payloads nest two deep; what nests deeper than this is an attempt on the stack.
    private static let greatestDepth = 16

    private let bytes: [UInt8]
    private var place = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var atEnd: Bool { place == bytes.count }

    mutating func value(depth: Int) throws(Failure) -> MessagePack {
        let marker = try byte()
        switch marker {
        case 0x00...0x7F, 0xE0...0xFF: return .integer(Int64(Int8(bitPattern: marker)))
        case 0x90...0x9F: return try array(Int(marker & 0x0F), depth)
        case 0xA0...0xBF: return try string(Int(marker & 0x1F))
        case 0xC0: return .null
        case 0xC2: return .bool(false)
        case 0xC3: return .bool(true)
        case 0xC4: return .binary(Array(try take(try length(1))))
        case 0xC5: return .binary(Array(try take(try length(2))))
        case 0xC6: return .binary(Array(try take(try length(4))))
        case 0xCA: return .number(Double(Float(bitPattern: UInt32(try bits(4)))))
        case 0xCB: return .number(Double(bitPattern: try bits(8)))
        case 0xCC: return .integer(Int64(try bits(1)))
        case 0xCD: return .integer(Int64(try bits(2)))
        case 0xCE: return .integer(Int64(try bits(4)))
        case 0xCF: return try large()
        case 0xD0: return .integer(Int64(Int8(truncatingIfNeeded: try bits(1))))
        case 0xD1: return .integer(Int64(Int16(truncatingIfNeeded: try bits(2))))
        case 0xD2: return .integer(Int64(Int32(truncatingIfNeeded: try bits(4))))
        case 0xD3: return .integer(Int64(bitPattern: try bits(8)))
        case 0xD9: return try string(try length(1))
        case 0xDA: return try string(try length(2))
        case 0xDB: return try string(try length(4))
        case 0xDC: return try array(try length(2), depth)
        case 0xDD: return try array(try length(4), depth)
        default: throw .invalid("The payload holds a kind of value (\(Hex.text([marker]))) that is not read here.")
        }
    }

    private mutating func byte() throws(Failure) -> UInt8 {
        guard place < bytes.count else { throw .invalid("The payload ends too early.") }
        place += 1
        return bytes[place - 1]
    }

    private mutating func take(_ count: Int) throws(Failure) -> ArraySlice<UInt8> {
        guard bytes.count - place >= count else { throw .invalid("The payload ends too early.") }
        place += count
        return bytes[place - count..<place]
    }

    private mutating func bits(_ count: Int) throws(Failure) -> UInt64 {
        try take(count).reduce(0) { $0 << 8 | UInt64($1) }
    }

    private mutating func length(_ count: Int) throws(Failure) -> Int { Int(try bits(count)) }

    private mutating func large() throws(Failure) -> MessagePack {
        guard let value = Int64(exactly: try bits(8)) else { throw .invalid("The payload holds too large a number.") }
        return .integer(value)
    }

    private mutating func string(_ count: Int) throws(Failure) -> MessagePack {
        guard let text = String(validating: try take(count), as: UTF8.self) else {
            throw .invalid("The payload holds text that is not UTF-8.")
        }
        return .string(text)
    }

    private mutating func array(_ count: Int, _ depth: Int) throws(Failure) -> MessagePack {
        guard depth < Self.greatestDepth else { throw .invalid("The payload nests too deep.") }
        guard bytes.count - place >= count else { throw .invalid("The payload ends too early.") }
        var values: [MessagePack] = []
        values.reserveCapacity(count)
        for _ in 0..<count { values.append(try value(depth: depth + 1)) }
        return .array(values)
    }
}
