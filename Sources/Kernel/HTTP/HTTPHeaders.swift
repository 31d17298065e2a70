import Base

/// The headers of a message, in their order. Names compare without regard to case.
///
/// They stay the bytes that came in; text is made of a value when somebody asks for it.
package struct HTTPHeaders: Sendable {
    struct Field {
        let name: Range<UInt32>
        let value: Range<UInt32>

        init(name: Range<Int>, value: Range<Int>) {
            self.name = UInt32(name.lowerBound)..<UInt32(name.upperBound)
            self.value = UInt32(value.lowerBound)..<UInt32(value.upperBound)
        }
    }

    private(set) var bytes: [UInt8]
    private(set) var fields: [Field]

    package init() {
        bytes = []
        fields = []
    }

    /// What an answer's headers come to, so that they needn't grow and move.
    private static let usual = (bytes: 256, fields: 6)

    /// - Parameter bytes: holds the fields, among other things.
    init(bytes: [UInt8], fields: [Field]) {
        self.bytes = bytes
        self.fields = fields
    }

    package var count: Int { fields.count }

    /// The first value of that name. Setting it replaces all of them.
    package subscript(name: String) -> String? {
        get {
            for field in fields where isNamed(field, name) { return text(field.value) }
            return nil
        }
        set {
            remove(name)
            if let newValue { append(name, newValue) }
        }
    }

    package func contains(_ name: String) -> Bool { fields.contains { isNamed($0, name) } }

    /// Every value of that name, as the lines had them.
    package func all(_ name: String) -> [String] { fields.filter { isNamed($0, name) }.map { text($0.value) } }

    /// Whether the comma-separated lists of that name have such an item: `Connection: keep-alive, Upgrade`.
    package func lists(_ item: String, in name: String) -> Bool {
        fields.contains { field in isNamed(field, name) && lists(item, in: field) }
    }

    /// Line breaks and other control characters become blanks: a value never becomes a second header.
    package mutating func append(_ name: String, _ value: String) {
        if fields.isEmpty {
            bytes.reserveCapacity(HTTPHeaders.usual.bytes)
            fields.reserveCapacity(HTTPHeaders.usual.fields)
        }
        let nameStart = bytes.count
        bytes.append(text: name, replacing: UInt8(ascii: "-"), unless: HTTPSyntax.isToken)
        let valueStart = bytes.count
        bytes.append(value: value)
        fields.append(Field(name: nameStart..<valueStart, value: valueStart..<bytes.count))
    }

    package mutating func remove(_ name: String) { fields = fields.filter { !isNamed($0, name) } }
}

extension HTTPHeaders: Sequence {
    package func makeIterator() -> AnyIterator<(name: String, value: String)> {
        var rest = fields.makeIterator()
        return AnyIterator { rest.next().map { (text($0.name), text($0.value)) } }
    }
}

extension HTTPHeaders: ExpressibleByDictionaryLiteral {
    package init(dictionaryLiteral elements: (String, String)...) {
        self.init()
        for (name, value) in elements { append(name, value) }
    }
}

extension HTTPHeaders: CustomStringConvertible {
    package var description: String { map { "\($0.name): \($0.value)" }.joined(separator: "\n") }
}

// MARK: Bytes

extension HTTPHeaders {
    func text(_ range: Range<UInt32>) -> String {
        String(decoding: bytes[Int(range.lowerBound)..<Int(range.upperBound)], as: UTF8.self)
    }

    func value(_ field: Field) -> ArraySlice<UInt8> {
        bytes[Int(field.value.lowerBound)..<Int(field.value.upperBound)]
    }

    func isNamed(_ field: Field, _ name: String) -> Bool { matches(field.name, name) }

    private func matches(_ range: Range<UInt32>, _ text: String) -> Bool {
        guard range.count == text.utf8.count else { return false }
        var text = text
        return text.withUTF8 { matches(range, $0) }
    }

    private func matches(_ range: Range<UInt32>, _ text: UnsafeBufferPointer<UInt8>) -> Bool {
        guard range.count == text.count else { return false }
        var place = Int(range.lowerBound)
        for byte in text {
            let other = bytes[place]
            guard other == byte || other.asciiLowercased == byte.asciiLowercased else { return false }
            place += 1
        }
        return true
    }

    func valueIs(_ field: Field, _ text: StaticString) -> Bool {
        text.withUTF8Buffer { matches(field.value, $0) }
    }

    private func lists(_ item: String, in field: Field) -> Bool {
        var start = Int(field.value.lowerBound)
        let end = Int(field.value.upperBound)
        while start < end {
            let comma = bytes[start..<end].firstIndex(of: HTTPSyntax.comma) ?? end
            var first = start
            var last = comma
            while first < last && HTTPSyntax.isBlank(bytes[first]) { first += 1 }
            while last > first && HTTPSyntax.isBlank(bytes[last - 1]) { last -= 1 }
            if matches(UInt32(first)..<UInt32(last), item) { return true }
            start = comma + 1
        }
        return false
    }

    /// Each field as a line, but for those that the connection itself answers for.
    func write(to output: inout [UInt8], except isOurs: (Field) -> Bool) {
        for field in fields where !isOurs(field) {
            output.append(contentsOf: bytes[Int(field.name.lowerBound)..<Int(field.name.upperBound)])
            output.append(HTTPSyntax.colon)
            output.append(HTTPSyntax.blank)
            output.append(contentsOf: value(field))
            output.append("\r\n")
        }
    }
}
