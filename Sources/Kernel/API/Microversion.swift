/// A version of a service's API: `2.104`.
package struct Microversion: Hashable, Comparable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    package let major: Int
    package let minor: Int

    package init(_ major: Int, _ minor: Int) {
        self.major = major
        self.minor = minor
    }

    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let major = Int(parts[0]), let minor = Int(parts[1]), major >= 0, minor >= 0,
            parts.allSatisfy({ $0.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } })
        else { return nil }
        self.init(major, minor)
    }

    package init(stringLiteral text: String) {
        guard let version = Microversion(text) else { preconditionFailure("\(text) is no version") }
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
