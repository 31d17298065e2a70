/// An address of IPv4 or IPv6, as a number, so that ranges and networks are arithmetic.
package struct IPAddress: Hashable, Comparable, Sendable, CustomStringConvertible {
    package enum Family: Int, Sendable {
        case v4 = 4
        case v6 = 6
        package var bits: Int { self == .v4 ? 32 : 128 }
    }

    package let family: Family
    package let number: UInt128

    package init(_ family: Family, _ number: UInt128) {
        self.family = family
        self.number = number
    }

    package init?(_ text: some StringProtocol) {
        if text.utf8.contains(UInt8(ascii: ":")) {
            guard let number = IPAddress.sixth(text) else { return nil }
            self.init(.v6, number)
        } else {
            guard let number = IPAddress.fourth(text) else { return nil }
            self.init(.v4, UInt128(number))
        }
    }

    package static func < (left: IPAddress, right: IPAddress) -> Bool {
        (left.family.rawValue, left.number) < (right.family.rawValue, right.number)
    }

    private static func fourth(_ text: some StringProtocol) -> UInt32? {
        var (number, part): (UInt32, UInt32) = (0, 0)
        var (digits, dots) = (0, 0)
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                // A zero in front would be read as octal elsewhere.
                guard digits == 0 || part > 0 else { return nil }
                part = part * 10 + UInt32(byte & 15)
                digits += 1
                guard part <= 255 else { return nil }
            case UInt8(ascii: "."):
                guard digits > 0, dots < 3 else { return nil }
                number = number << 8 | part
                (part, digits, dots) = (0, 0, dots + 1)
            default: return nil
            }
        }
        return dots == 3 && digits > 0 ? number << 8 | part : nil
    }

    private static func sixth(_ text: some StringProtocol) -> UInt128? {
        let halves = text.split(separator: "::", maxSplits: 2, omittingEmptySubsequences: false)
        guard halves.count <= 2, let first = halves.first, let head = groups(first) else { return nil }
        guard halves.count == 2 else { return head.count == 8 ? join(head) : nil }
        guard let tail = groups(halves[1]), head.count + tail.count < 8 else { return nil }
        return join(head + [UInt16](repeating: 0, count: 8 - head.count - tail.count) + tail)
    }

    private static func groups(_ text: some StringProtocol) -> [UInt16]? {
        guard !text.isEmpty else { return [] }
        var groups: [UInt16] = []
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        for (index, part) in parts.enumerated() {
            if index == parts.count - 1, part.utf8.contains(UInt8(ascii: ".")) {
                guard let last = fourth(part) else { return nil }
                groups += [UInt16(last >> 16), UInt16(last & 0xFFFF)]
            } else {
                guard part.utf8.count <= 4, part.utf8.first != UInt8(ascii: "+"), let group = UInt16(part, radix: 16)
                else {
                    return nil
                }
                groups.append(group)
            }
        }
        return groups
    }

    private static func join(_ groups: [UInt16]) -> UInt128 { groups.reduce(0) { $0 << 16 | UInt128($1) } }

    package var description: String {
        switch family {
        case .v4:
            let bits = UInt32(truncatingIfNeeded: number)
            return "\(bits >> 24).\(bits >> 16 & 255).\(bits >> 8 & 255).\(bits & 255)"
        case .v6:
            return IPAddress.compressed(
                stride(from: 112, through: 0, by: -16).map { UInt16(number >> UInt128($0) & 0xFFFF) })
        }
    }

    /// RFC 5952: the longest run of zero groups becomes "::".
    private static func compressed(_ groups: [UInt16]) -> String {
        var best = 0..<0
        var start = 0
        while start < 8 {
            var end = start
            while end < 8, groups[end] == 0 { end += 1 }
            if end - start > max(best.count, 1) { best = start..<end }
            start = max(end, start + 1)
        }
        let text = { (range: Range<Int>) in groups[range].map { String($0, radix: 16) }.joined(separator: ":") }
        return best.isEmpty ? text(0..<8) : text(0..<best.lowerBound) + "::" + text(best.upperBound..<8)
    }
}

/// A network in CIDR notation.
package struct IPNetwork: Hashable, Sendable, CustomStringConvertible {
    package let address: IPAddress
    package let prefix: Int

    package init?(_ address: IPAddress, prefix: Int) {
        guard (0...address.family.bits).contains(prefix) else { return nil }
        self.address = address
        self.prefix = prefix
    }

    package init?(_ text: some StringProtocol) {
        guard let slash = text.utf8.firstIndex(of: UInt8(ascii: "/")) else {
            guard let address = IPAddress(text) else { return nil }
            self.init(address, prefix: address.family.bits)
            return
        }
        let length = text[text.index(after: slash)...]
        guard let address = IPAddress(text[..<slash]), let prefix = Int(length),
            length.utf8.count == String(prefix).utf8.count
        else { return nil }
        self.init(address, prefix: prefix)
    }

    package var family: IPAddress.Family { address.family }
    private var hostMask: UInt128 {
        let bits = family.bits - prefix
        return bits == 128 ? .max : (1 << UInt128(bits)) - 1
    }
    package var first: IPAddress { IPAddress(family, address.number & ~hostMask) }
    package var last: IPAddress { IPAddress(family, address.number | hostMask) }
    /// The same network with no host bits set.
    package var network: IPNetwork { IPNetwork(first, prefix: prefix) ?? self }

    package func contains(_ other: IPAddress) -> Bool { other.family == family && first <= other && other <= last }
    package func overlaps(_ other: IPNetwork) -> Bool {
        family == other.family && first <= other.last && other.first <= last
    }

    package var description: String { "\(address)/\(prefix)" }
}

package struct MACAddress: Hashable, Sendable, CustomStringConvertible {
    package let number: UInt64

    package init(_ number: UInt64) { self.number = number & 0xFFFF_FFFF_FFFF }

    package init?(_ text: some StringProtocol) {
        let parts = text.split(whereSeparator: { $0 == ":" || $0 == "-" })
        guard parts.count == 6, text.utf8.count == 17 else { return nil }
        var number: UInt64 = 0
        for part in parts {
            guard part.utf8.count == 2, let byte = UInt8(part, radix: 16) else { return nil }
            number = number << 8 | UInt64(byte)
        }
        self.number = number
    }

    package var description: String {
        stride(from: 40, through: 0, by: -8).map { Hex.text([UInt8(number >> UInt64($0) & 255)]) }.joined(
            separator: ":")
    }
}
