import Base

/// Why a message is refused before any handler sees it: its framing or its size.
package struct HTTPRefusal: Error, Sendable, Equatable {
    package let status: Int
    package let message: String

    package init(_ status: Int, _ message: String) {
        self.status = status
        self.message = message
    }

    static func malformed(_ message: String) -> HTTPRefusal { HTTPRefusal(400, message) }
}

/// The characters of RFC 9110 and 9112, by byte.
enum HTTPSyntax {
    static let tab = UInt8(ascii: "\t")
    static let newline = UInt8(ascii: "\n")
    static let carriageReturn = UInt8(ascii: "\r")
    static let blank = UInt8(ascii: " ")
    static let colon = UInt8(ascii: ":")
    static let comma = UInt8(ascii: ",")

    /// A bit for each byte of ASCII. Numbers, since sets that are computed at first use are asked every time whether
    /// they have been; a test spells them out.
    private typealias Bytes = (low: UInt64, high: UInt64)

    /// Letters, digits, and !#$%&'*+-.^_`|~
    private static var tokenBytes: Bytes { (0x03FF_6CFA_0000_0000, 0x57FF_FFFF_C7FF_FFFE) }
    /// Everything visible but the fragment's mark, which no client may send.
    private static var targetBytes: Bytes { (0xFFFF_FFF6_0000_0000, 0x7FFF_FFFF_FFFF_FFFF) }
    /// Of these, all but /?@,"\<>
    private static var hostBytes: Bytes { (0x2FFF_6FF2_0000_0000, 0x7FFF_FFFF_EFFF_FFFE) }

    private static func contains(_ set: Bytes, _ byte: UInt8) -> Bool {
        byte < 128 && (byte < 64 ? set.low : set.high) & (1 << UInt64(byte & 63)) != 0
    }

    /// Of a method or a header's name.
    static func isToken(_ byte: UInt8) -> Bool { contains(tokenBytes, byte) }

    static func isTarget(_ byte: UInt8) -> Bool { contains(targetBytes, byte) }

    /// Of a host with its port.
    static func isHost(_ byte: UInt8) -> Bool { contains(hostBytes, byte) }

    /// Of a header's value: no control characters but the tab.
    static func isValue(_ byte: UInt8) -> Bool { byte >= 0x20 && byte != 0x7F || byte == tab }

    static func isBlank(_ byte: UInt8) -> Bool { byte == blank || byte == tab }

    /// A decimal number of at most 18 digits, and nothing else.
    static func number(_ digits: some Collection<UInt8>) -> Int? {
        guard (1...18).contains(digits.count) else { return nil }
        var value = 0
        for digit in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
            value = value * 10 + Int(digit - UInt8(ascii: "0"))
        }
        return value
    }
}

extension [UInt8] {
    mutating func append(_ text: StaticString) {
        text.withUTF8Buffer { append(contentsOf: $0) }
    }

    /// The text, with each byte replaced that isn't allowed there.
    mutating func append(text: String, replacing replacement: UInt8, unless isAllowed: (UInt8) -> Bool) {
        var text = text
        let start = count
        text.withUTF8 { append(contentsOf: $0) }
        for place in start..<count where !isAllowed(self[place]) { self[place] = replacement }
    }

    /// A header's value: control characters become blanks.
    mutating func append(value text: String) {
        var text = text
        let isPlain = text.withUTF8 { text in
            append(contentsOf: text)
            return PlainBytes.areNoControls(UnsafeRawBufferPointer(text))
        }
        guard !isPlain else { return }
        for place in (count - text.utf8.count)..<count where !HTTPSyntax.isValue(self[place]) {
            self[place] = HTTPSyntax.blank
        }
    }

    mutating func append(decimal value: Int) {
        if value >= 10 { append(decimal: value / 10) }
        append(UInt8(ascii: "0") + UInt8(value % 10))
    }

    mutating func append(hexadecimal value: Int) {
        if value >= 16 { append(hexadecimal: value / 16) }
        let digit = UInt8(value % 16)
        append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
    }
}
