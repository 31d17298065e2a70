import Base

extension Shape.Format {
    var described: String {
        switch self {
        case .uuid: "a UUID"
        case .hex: "32 hex digits"
        case .uuidOrHex: "a UUID"
        case .dateTime: "a date and time in ISO 8601"
        case .email: "an e-mail address"
        case .url: "a URL"
        case .ipAddress: "an IP address"
        case .cidr: "a network in CIDR notation"
        case .macAddress: "a MAC address"
        case .name: "printable text that isn't all blanks"
        case .tag: "text without commas and slashes"
        case .constant: "a name of capital letters, digits and underscores"
        case .customConstant: "a name that begins with CUSTOM_, of capital letters, digits and underscores"
        case .count: "a number above zero"
        case .suffix: "up to 64 letters, digits, underscores and hyphens"
        }
    }

    package func fits(_ text: String) -> Bool {
        switch self {
        case .uuid: text.utf8.count == 36 && UUID(text) != nil
        case .hex: text.utf8.count == 32 && UUID(text) != nil
        case .uuidOrHex: UUID(text) != nil
        case .dateTime: Moment(iso8601: text) != nil
        case .email: text.split(separator: "@", omittingEmptySubsequences: false).count == 2
        case .url: Shape.Format.isURL(text)
        case .ipAddress: IPAddress(text) != nil
        case .cidr: IPNetwork(text) != nil
        case .macAddress: MACAddress(text) != nil
        case .tag: !text.utf8.contains { $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: "/") }
        case .constant: !text.isEmpty && text.utf8.allSatisfy(Shape.Format.isConstant)
        case .customConstant:
            text.hasPrefix("CUSTOM_") && text.utf8.count > 7 && text.utf8.allSatisfy(Shape.Format.isConstant)
        case .suffix: (1...64).contains(text.utf8.count) && text.utf8.allSatisfy(Shape.Format.isSuffix)
        case .count: text.first != "0" && !text.isEmpty && text.utf8.allSatisfy(Shape.Format.isDigit)
        case .name:
            text.contains { !$0.isWhitespace }
                && text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private static func isConstant(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) || isDigit(byte) || byte == UInt8(ascii: "_")
    }

    private static func isSuffix(_ byte: UInt8) -> Bool {
        isConstant(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || byte == UInt8(ascii: "-")
    }

    private static func isURL(_ text: String) -> Bool {
        guard let scheme = text.firstRange(of: "://") else { return false }
        let rest = text[scheme.upperBound...]
        return !text[..<scheme.lowerBound].isEmpty && !rest.isEmpty && !rest.hasPrefix("/")
            && !text.unicodeScalars.contains { $0.value <= 0x20 }
    }
}
