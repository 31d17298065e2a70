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

    private static let tokenBytes = bits { byte in
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }

    /// Everything visible in ASCII but the fragment's mark, which no client may send.
    private static let targetBytes = bits { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "#") }

    private static let hostBytes = bits { isTarget($0) && !"/?@,\"\\<>".utf8.contains($0) }

    private static func bits(_ isMember: (UInt8) -> Bool) -> (UInt64, UInt64) {
        var low: UInt64 = 0
        var high: UInt64 = 0
        for byte in UInt8(0)..<128 where isMember(byte) {
            if byte < 64 { low |= 1 << UInt64(byte) } else { high |= 1 << UInt64(byte - 64) }
        }
        return (low, high)
    }

    private static func contains(_ set: (UInt64, UInt64), _ byte: UInt8) -> Bool {
        byte < 128 && (byte < 64 ? set.0 : set.1) & (1 << UInt64(byte & 63)) != 0
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
