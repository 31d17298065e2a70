import API
import Base

extension Dialect {
    static let blockStorage = named(statuses: [.overQuota: 413], retries: true)
}

extension Failure {
    static func invalidInput(_ why: String) -> Failure { .invalid("Invalid input received: \(why)") }

    static func invalidVolume(_ why: String) -> Failure { .invalid("Invalid volume: \(why)") }

    static func invalidSnapshot(_ why: String) -> Failure { .invalid("Invalid snapshot: \(why)") }
}
