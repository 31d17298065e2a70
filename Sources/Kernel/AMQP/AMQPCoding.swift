import Base

/// Reads the primitive values of AMQP 0-9-1 from one frame's payload. What ends too soon or means nothing is refused.
struct AMQPReader {
    private let bytes: [UInt8]
    private var place: Int
    private let end: Int

    /// Tables may hold tables; nobody has a reason to go deeper.
    private static let depth = 8

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        place = 0
        end = bytes.count
    }

    private init(_ bytes: [UInt8], from place: Int, to end: Int) {
        self.bytes = bytes
        self.place = place
        self.end = end
    }

    var isAtEnd: Bool { place == end }

    mutating func octet() throws(Failure) -> UInt8 {
        guard place < end else { throw .malformed("it ends too soon") }
        defer { place += 1 }
        return bytes[place]
    }

    private mutating func number(_ count: Int) throws(Failure) -> UInt64 {
        guard end - place >= count else { throw .malformed("it ends too soon") }
        var value: UInt64 = 0
        for byte in bytes[place..<place + count] { value = value << 8 | UInt64(byte) }
        place += count
        return value
    }

    mutating func short() throws(Failure) -> UInt16 { UInt16(try number(2)) }
    mutating func long() throws(Failure) -> UInt32 { UInt32(try number(4)) }
    mutating func longLong() throws(Failure) -> UInt64 { try number(8) }

    mutating func blob(_ count: Int) throws(Failure) -> [UInt8] {
        guard count >= 0, end - place >= count else { throw .malformed("it ends too soon") }
        defer { place += count }
        return Array(bytes[place..<place + count])
    }

    private mutating func text(_ count: Int) throws(Failure) -> String {
        guard let text = String(validating: try blob(count), as: UTF8.self) else {
            throw .malformed("a text is not UTF-8")
        }
        return text
    }

    mutating func shortText() throws(Failure) -> String { try text(Int(try octet())) }
    mutating func longText() throws(Failure) -> String { try text(Int(try long())) }

    /// The rest of a length that was said, as a reader of its own.
    private mutating func part() throws(Failure) -> AMQPReader {
        let count = Int(try long())
        guard end - place >= count else { throw .malformed("it ends too soon") }
        defer { place += count }
        return AMQPReader(bytes, from: place, to: place + count)
    }

    mutating func table() throws(Failure) -> AMQPTable { try table(depth: AMQPReader.depth) }

    private mutating func table(depth: Int) throws(Failure) -> AMQPTable {
        guard depth > 0 else { throw .malformed("its tables are too deep") }
        var part = try part()
        var table = AMQPTable()
        while !part.isAtEnd {
            let name = try part.shortText()
            table.fields.append(AMQPTable.Field(name: name, value: try part.value(depth: depth)))
        }
        return table
    }

    private mutating func value(depth: Int) throws(Failure) -> AMQPValue {
        let kind = try octet()
        switch kind {
        case UInt8(ascii: "t"): return .bool(try octet() != 0)
        case UInt8(ascii: "b"): return .integer(Int64(Int8(truncatingIfNeeded: try octet())))
        case UInt8(ascii: "B"): return .integer(Int64(try octet()))
        case UInt8(ascii: "s"): return .integer(Int64(Int16(truncatingIfNeeded: try short())))
        case UInt8(ascii: "u"): return .integer(Int64(try short()))
        case UInt8(ascii: "I"): return .integer(Int64(Int32(truncatingIfNeeded: try long())))
        case UInt8(ascii: "i"): return .integer(Int64(try long()))
        case UInt8(ascii: "l"): return .integer(Int64(truncatingIfNeeded: try longLong()))
        case UInt8(ascii: "f"): return .number(Double(Float(bitPattern: try long())))
        case UInt8(ascii: "d"): return .number(Double(bitPattern: try longLong()))
        case UInt8(ascii: "D"):
            let scale = try octet()
            return .decimal(scale, Int32(truncatingIfNeeded: try long()))
        case UInt8(ascii: "S"): return .text(try longText())
        case UInt8(ascii: "x"): return .blob(try blob(Int(try long())))
        case UInt8(ascii: "A"): return .array(try array(depth: depth - 1))
        case UInt8(ascii: "T"): return .time(try longLong())
        case UInt8(ascii: "F"): return .table(try table(depth: depth - 1))
        case UInt8(ascii: "V"): return .void
        default: throw .malformed("a field is of an unknown kind, \(kind)")
        }
    }

    private mutating func array(depth: Int) throws(Failure) -> [AMQPValue] {
        guard depth > 0 else { throw .malformed("its tables are too deep") }
        var part = try part()
        var values: [AMQPValue] = []
        while !part.isAtEnd { values.append(try part.value(depth: depth)) }
        return values
    }
}

extension Failure {
    /// The broker says what nobody can understand: the connection is no good any more.
    static func malformed(_ why: String) -> Failure { .unavailable("The broker sent what cannot be read: \(why).") }
}

/// Writes the primitive values of AMQP 0-9-1.
struct AMQPWriter {
    private(set) var bytes: [UInt8] = []

    mutating func octet(_ value: UInt8) { bytes.append(value) }

    private mutating func number(_ value: UInt64, _ count: Int) {
        for shift in (0..<count).reversed() { bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(shift * 8))) }
    }

    mutating func short(_ value: UInt16) { number(UInt64(value), 2) }
    mutating func long(_ value: UInt32) { number(UInt64(value), 4) }
    mutating func longLong(_ value: UInt64) { number(value, 8) }
    mutating func blob(_ value: [UInt8]) { bytes += value }

    /// At most 255 bytes of it, cut between two characters: names that are longer are refused before they come here.
    mutating func shortText(_ text: String) {
        var text = text
        while text.utf8.count > 255 { text.removeLast() }
        octet(UInt8(text.utf8.count))
        bytes += Array(text.utf8)
    }

    mutating func longText(_ text: String) { sized { $0.bytes += Array(text.utf8) } }

    /// What is written, with its length in front.
    private mutating func sized(_ body: (inout AMQPWriter) -> Void) {
        var part = AMQPWriter()
        body(&part)
        long(UInt32(part.bytes.count))
        bytes += part.bytes
    }

    mutating func table(_ table: AMQPTable) {
        sized { part in
            for field in table.fields {
                part.shortText(field.name)
                part.value(field.value)
            }
        }
    }

    private mutating func value(_ value: AMQPValue) {
        switch value {
        case .void: octet(UInt8(ascii: "V"))
        case .bool(let flag):
            octet(UInt8(ascii: "t"))
            octet(flag ? 1 : 0)
        case .integer(let number):
            octet(UInt8(ascii: "l"))
            longLong(UInt64(bitPattern: number))
        case .number(let number):
            octet(UInt8(ascii: "d"))
            longLong(number.bitPattern)
        case .decimal(let scale, let number):
            octet(UInt8(ascii: "D"))
            octet(scale)
            long(UInt32(bitPattern: number))
        case .text(let text):
            octet(UInt8(ascii: "S"))
            longText(text)
        case .blob(let bytes):
            octet(UInt8(ascii: "x"))
            sized { $0.bytes += bytes }
        case .time(let seconds):
            octet(UInt8(ascii: "T"))
            longLong(seconds)
        case .array(let values):
            octet(UInt8(ascii: "A"))
            sized { part in for value in values { part.value(value) } }
        case .table(let inner):
            octet(UInt8(ascii: "F"))
            table(inner)
        }
    }
}

/// A table of fields, as arguments and headers are.
package struct AMQPTable: Sendable, Hashable {
    package struct Field: Sendable, Hashable {
        package let name: String
        package let value: AMQPValue

        package init(name: String, value: AMQPValue) {
            self.name = name
            self.value = value
        }
    }

    package var fields: [Field] = []

    package init() {}

    package subscript(name: String) -> AMQPValue? { fields.first { $0.name == name }?.value }

    package func text(_ name: String) -> String? {
        if case .text(let text) = self[name] { text } else { nil }
    }
}

extension AMQPTable: ExpressibleByDictionaryLiteral {
    package init(dictionaryLiteral elements: (String, AMQPValue)...) {
        fields = elements.map { Field(name: $0, value: $1) }
    }
}

package indirect enum AMQPValue: Sendable, Hashable {
    case void
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case decimal(UInt8, Int32)
    case text(String)
    case blob([UInt8])
    case time(UInt64)
    case array([AMQPValue])
    case table(AMQPTable)
}
