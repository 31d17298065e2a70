/// Reads JSON strictly (RFC 8259): valid UTF-8, no duplicate names, nothing behind the value, and within limits.
package struct JSONReader: ~Copyable {
    package struct Limits: Sendable {
        /// Deeper than any body of any service, shallow enough for the smallest stack.
        package var depth = 64
        /// A body's own limit is the endpoint's; this one bounds what a single document may ever be.
        package var bytes = 64 << 20

        package init() {}
    }

    private let limits: Limits
    private let bytes: UnsafeBufferPointer<UInt8>
    private var place = 0

    package static func read(_ bytes: [UInt8], limits: Limits = Limits()) throws(Failure) -> JSON {
        try bytes.withUnsafeBufferPointer { buffer in read(buffer, limits) }.get()
    }

    package static func read(_ text: String, limits: Limits = Limits()) throws(Failure) -> JSON {
        var text = text
        return try text.withUTF8 { buffer in JSONReader.read(buffer, limits) }.get()
    }

    private static func read(_ bytes: UnsafeBufferPointer<UInt8>, _ limits: Limits) -> Result<JSON, Failure> {
        guard bytes.count <= limits.bytes else {
            return .failure(Failure(.tooLarge, "The JSON document is too large."))
        }
        var reader = JSONReader(bytes, limits)
        do throws(Failure) { return .success(try reader.document()) } catch { return .failure(error) }
    }

    private init(_ bytes: UnsafeBufferPointer<UInt8>, _ limits: Limits) {
        self.bytes = bytes
        self.limits = limits
    }

    // MARK: Values

    private mutating func document() throws(Failure) -> JSON {
        let value = try value(depth: 0)
        skipBlanks()
        guard place == bytes.count else { throw malformed("unexpected text behind the value") }
        return value
    }

    private mutating func value(depth: Int) throws(Failure) -> JSON {
        guard depth < limits.depth else { throw malformed("nested deeper than \(limits.depth)") }
        skipBlanks()
        guard place < bytes.count else { throw malformed("it ends too early") }
        switch bytes[place] {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try literal("true", .bool(true))
        case UInt8(ascii: "f"): return try literal("false", .bool(false))
        case UInt8(ascii: "n"): return try literal("null", .null)
        default: return try number()
        }
    }

    private mutating func object(depth: Int) throws(Failure) -> JSON {
        place += 1
        var members: [JSON.Member] = []
        var seen: Set<String> = []
        skipBlanks()
        if take(UInt8(ascii: "}")) { return .object(JSON.Object()) }
        // Most have a few: that is one piece of memory, not three or four, each copied from the one before.
        members.reserveCapacity(8)
        repeat {
            skipBlanks()
            guard place < bytes.count, bytes[place] == UInt8(ascii: "\"") else { throw malformed("a name is expected") }
            let name = try string()
            // Small objects are compared by walking, large ones by a set, so that no body costs quadratic time.
            let known = members.count < 16 ? members.contains { $0.name == name } : seen.contains(name)
            guard !known else { throw malformed("the name \"\(name)\" stands twice in one object") }
            skipBlanks()
            guard take(UInt8(ascii: ":")) else { throw malformed("a colon is expected") }
            members.append(JSON.Member(name: name, value: try value(depth: depth + 1)))
            if members.count == 16 { seen = Set(members.map(\.name)) } else if members.count > 16 { seen.insert(name) }
            skipBlanks()
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "}")) else { throw malformed("a comma or a closing brace is expected") }
        return .object(JSON.Object(members))
    }

    private mutating func array(depth: Int) throws(Failure) -> JSON {
        place += 1
        var elements: [JSON] = []
        skipBlanks()
        if take(UInt8(ascii: "]")) { return .array([]) }
        repeat {
            elements.append(try value(depth: depth + 1))
            skipBlanks()
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "]")) else { throw malformed("a comma or a closing bracket is expected") }
        return .array(elements)
    }

    private mutating func literal(_ word: StaticString, _ value: JSON) throws(Failure) -> JSON {
        let end = place + word.utf8CodeUnitCount
        let matches =
            end <= bytes.count
            && word.withUTF8Buffer { $0.elementsEqual(UnsafeBufferPointer(rebasing: bytes[place..<end])) }
        guard matches else { throw malformed("\(word) is expected") }
        place = end
        return value
    }

    // MARK: Numbers

    private mutating func number() throws(Failure) -> JSON {
        let start = place
        let negative = take(UInt8(ascii: "-"))
        let whole = digits()
        guard whole > 0 else { throw malformed("a value is expected") }
        let first = negative ? start + 1 : start
        guard whole == 1 || bytes[first] != UInt8(ascii: "0") else { throw malformed("a number starts with a zero") }
        var isWhole = true
        if take(UInt8(ascii: ".")) {
            isWhole = false
            guard digits() > 0 else { throw malformed("a digit is expected behind the point") }
        }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            isWhole = false
            _ = take(UInt8(ascii: "+")) || take(UInt8(ascii: "-"))
            guard digits() > 0 else { throw malformed("a digit is expected in the exponent") }
        }
        let text = String(decoding: bytes[start..<place], as: UTF8.self)
        if isWhole, let value = Int64(text) { return .integer(value) }
        guard let value = Double(text), value.isFinite else { throw malformed("the number is out of range") }
        return .number(value)
    }

    private mutating func digits() -> Int {
        let start = place
        while place < bytes.count, bytes[place] &- UInt8(ascii: "0") < 10 { place += 1 }
        return place - start
    }

    // MARK: Strings

    private mutating func string() throws(Failure) -> String {
        place += 1
        let start = place
        while place < bytes.count {
            let byte = bytes[place]
            if byte == UInt8(ascii: "\"") {
                let text = try checked(UnsafeBufferPointer(rebasing: bytes[start..<place]))
                place += 1
                return text
            }
            if byte == UInt8(ascii: "\\") { return try escapedString(from: start) }
            guard byte >= 0x20 else { throw malformed("a control character stands in a string") }
            place += 1
        }
        throw malformed("a string does not end")
    }

    private mutating func escapedString(from start: Int) throws(Failure) -> String {
        var text = Array(bytes[start..<place])
        while place < bytes.count {
            let byte = bytes[place]
            place += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: text, as: UTF8.self) else { throw notUTF8 }
                return text
            case UInt8(ascii: "\\"): try escape(into: &text)
            case 0..<0x20: throw malformed("a control character stands in a string")
            default: text.append(byte)
            }
        }
        throw malformed("a string does not end")
    }

    private mutating func escape(into text: inout [UInt8]) throws(Failure) {
        guard place < bytes.count else { throw malformed("a string does not end") }
        let byte = bytes[place]
        place += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"): text.append(contentsOf: Array(String(Character(try scalar())).utf8))
        default: throw malformed("an unknown escape stands in a string")
        }
    }

    private mutating func scalar() throws(Failure) -> Unicode.Scalar {
        let first = try codeUnit()
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard first < 0xDC00, take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else {
            throw malformed("half a surrogate pair")
        }
        let second = try codeUnit()
        guard (0xDC00..<0xE000).contains(second) else { throw malformed("half a surrogate pair") }
        let value = 0x10000 + ((first & 0x3FF) << 10 | second & 0x3FF)
        guard let scalar = Unicode.Scalar(value) else { throw malformed("half a surrogate pair") }
        return scalar
    }

    private mutating func codeUnit() throws(Failure) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard place < bytes.count, let digit = Hex.value(bytes[place]) else {
                throw malformed("four hex digits are expected behind \\u")
            }
            value = value << 4 | UInt32(digit)
            place += 1
        }
        return value
    }

    private func checked(_ utf8: UnsafeBufferPointer<UInt8>) throws(Failure) -> String {
        // Nearly all is ASCII, which is valid without a closer look.
        if PlainBytes.areASCII(UnsafeRawBufferPointer(utf8)) { return String(decoding: utf8, as: UTF8.self) }
        guard let text = String(validating: utf8, as: UTF8.self) else { throw notUTF8 }
        return text
    }

    private var notUTF8: Failure { malformed("a string is not valid UTF-8") }

    // MARK: Bytes

    private mutating func skipBlanks() {
        while place < bytes.count {
            switch bytes[place] {
            case 0x20, 0x09, 0x0A, 0x0D: place += 1
            default: return
            }
        }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard place < bytes.count, bytes[place] == byte else { return false }
        place += 1
        return true
    }

    private func malformed(_ reason: String) -> Failure {
        .invalid("Malformed JSON at byte \(place): \(reason).")
    }
}
