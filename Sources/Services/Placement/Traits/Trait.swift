import Base
import SQL

/// A property that a provider has or hasn't: one that every cloud knows, or one of an operator's own (`CUSTOM_…`).
struct Trait: Sendable {
    let name: String
    /// Nil for those that have always been there.
    var created: Moment?

    var path: String { "/traits/\(name)" }

    /// Says that a provider's inventory may be used by all that are in an aggregate with it.
    static let sharing = "MISC_SHARES_VIA_AGGREGATE"

    /// The standard ones before those of the cloud's own.
    static func comesFirst(_ left: String, _ right: String) -> Bool {
        let isStandard = (!left.hasPrefix("CUSTOM_"), !right.hasPrefix("CUSTOM_"))
        return isStandard.0 == isStandard.1 ? left < right : isStandard.0
    }
}
