/// A version of a service's API: `2.104`.
package struct Microversion: Hashable, Comparable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    package let major: Int
    package let minor: Int

    package init(_ major: Int, _ minor: Int) {
        self.major = major
        self.minor = minor
    }

    package init?(_ text: some StringProtocol) { self.init(digits: text.utf8) }

    /// Two numbers with a point between them: no version has more than nine digits.
    private init?(digits bytes: some Sequence<UInt8>) {
        var (major, minor) = (0, 0)
        var (count, isMinor) = (0, false)
        for byte in bytes {
            switch byte {
            case UInt8(ascii: ".") where !isMinor && count > 0: (count, isMinor) = (0, true)
            case UInt8(ascii: "0")...UInt8(ascii: "9") where count < 9:
                let digit = Int(byte - UInt8(ascii: "0"))
                if isMinor { minor = minor * 10 + digit } else { major = major * 10 + digit }
                count += 1
            default: return nil
            }
        }
        guard isMinor, count > 0 else { return nil }
        self.init(major, minor)
    }

    package init(stringLiteral text: StaticString) {
        guard let version = text.withUTF8Buffer({ Microversion(digits: $0) }) else {
            preconditionFailure("\(text) is no version")
        }
        self = version
    }

    package var description: String { "\(major).\(minor)" }

    package static func < (left: Microversion, right: Microversion) -> Bool {
        (left.major, left.minor) < (right.major, right.minor)
    }
}

/// How the versions of a service are asked for and answered.
package struct VersionRange: Sendable {
    package let oldest: Microversion
    package let newest: Microversion
    /// The service's name in `OpenStack-API-Version: compute 2.104`; nil where there are no microversions.
    package let headerName: String?
    /// The header that came before it: `X-OpenStack-Nova-API-Version: 2.104`.
    package let olderHeader: String?

    package init(
        _ oldest: Microversion, to newest: Microversion, header headerName: String? = nil, olderHeader: String? = nil
    ) {
        self.oldest = oldest
        self.newest = newest
        self.headerName = headerName
        self.olderHeader = olderHeader
    }

    /// A service with one version and no header for it.
    package static func only(_ version: Microversion) -> VersionRange { VersionRange(version, to: version) }
}
