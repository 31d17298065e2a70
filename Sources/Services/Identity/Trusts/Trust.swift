import Base

/// One user lets another act with some of their roles on a project, as themselves or on their behalf.
struct Trust: Resource, Hashable {
    static let one = "trust"
    static let many = "trusts"

    let id: ID<Trust>
    /// Who lends.
    let trustor: ID<User>
    /// Who borrows.
    let trustee: ID<User>
    let project: ID<Project>?
    /// Whether the trustee acts under the trustor's name.
    let impersonates: Bool
    var expires: Moment?
    /// How many more tokens it is good for; nil for any number.
    let remainingUses: Int?
    /// The trust that it was made with, when a trustee lends on.
    let parent: ID<Trust>?
    /// How often it may be lent on.
    let redelegationCount: Int
    var roles: [Role] = []
    /// Itself and what it was made from, up to the first.
    var ancestors: [Trust] = []
}

extension Trust {
    /// How often a trust may be lent on at most.
    static let depthLimit = 3

    /// Itself first, the one that started it last.
    var chain: [Trust] { [self] + ancestors }

    /// Whose roles are lent.
    var origin: ID<User> { ancestors.last?.trustor ?? trustor }

    var path: String { "/OS-TRUST/trusts/\(id)" }

    func isUsable(at now: Moment) -> Bool {
        if let expires, now > expires { return false }
        return remainingUses.map { $0 > 0 } ?? true
    }

    func attribute(_ name: String) -> String? {
        switch name {
        case "target.trust.trustor_user_id": trustor.text
        case "target.trust.trustee_user_id": trustee.text
        default: nil
        }
    }

    func write(to json: inout JSONWriter) {
        json.put("id", id)
        json.put("trustor_user_id", trustor)
        json.put("trustee_user_id", trustee)
        json.put("project_id", project)
        json.put("impersonation", impersonates)
        json.put("expires_at", expires, as: .identity)
        json.put("remaining_uses", remainingUses)
        json.put("redelegated_trust_id", parent)
        json.put("redelegation_count", redelegationCount)
        json.putNull("deleted_at")
    }
}

// MARK: Making one

extension Trust {
    /// - Parameter source: the trust by which the caller acts, when they lend on what was lent to them.
    init(_ body: JSON.Object, id: ID<Trust>, roles: [Role], from source: Trust?, now: Moment) throws(Failure) {
        let count = try Trust.redelegationCount(body, from: source)
        let uses = body.integer("remaining_uses")
        if source != nil || count > 0, uses != nil {
            throw .invalid("remaining_uses must not be set if redelegation is allowed.")
        }
        self.init(
            id: id, trustor: ID(try body.required("trustor_user_id")),
            trustee: ID(try body.required("trustee_user_id")),
            project: body.id("project_id"), impersonates: body.boolean("impersonation") ?? false,
            expires: try Moment(expiry: body.text("expires_at"), now: now) ?? source?.expires, remainingUses: uses,
            parent: source?.id, redelegationCount: count, roles: roles)
        if let source { try allowLending(of: source) }
    }

    private static func redelegationCount(_ body: JSON.Object, from source: Trust?) throws(Failure) -> Int {
        let wanted = body.integer("redelegation_count")
        guard body.boolean("allow_redelegation") ?? false, wanted != 0 else { return 0 }
        if let wanted, wanted > depthLimit {
            throw .forbidden(
                "Requested redelegation depth of \(wanted) is greater than allowed \(depthLimit).")
        }
        guard let source else { return wanted ?? depthLimit }
        let left = source.redelegationCount - 1
        guard wanted == nil || wanted == left else {
            throw .forbidden(
                "Modifying \"redelegation_count\" upon redelegation is forbidden. Omitting this parameter is advised.")
        }
        return left
    }

    /// Nothing may be lent on that wasn't lent: no more roles, no longer, not under the trustor's name.
    private func allowLending(of source: Trust) throws(Failure) {
        for source in source.chain {
            guard (1...Trust.depthLimit).contains(source.redelegationCount) else {
                throw .forbidden(
                    "Remaining redelegation depth of \(source.redelegationCount) out of allowed range of [0..\(Trust.depthLimit)]."
                )
            }
            if let end = source.expires, expires.map({ $0 > end }) ?? true {
                throw .forbidden("Requested expiration time is more than redelegated trust can provide.")
            }
            let lent = Set(source.roles.map(\.id))
            guard roles.allSatisfy({ lent.contains($0.id) }) else {
                throw .forbidden("Some of requested roles are not in redelegated trust.")
            }
            guard source.impersonates || !impersonates else {
                throw .forbidden(
                    "Impersonation is not allowed because redelegated trust does not specify impersonation. Redelegated trust id: \(source.id)"
                )
            }
        }
    }
}

extension Moment {
    /// When something is to end, as clients write it: in UTC, whether they say so or not, and not in the past.
    init?(expiry text: String?, now: Moment) throws(Failure) {
        guard let text else { return nil }
        guard let moment = Moment(iso8601: text.hasSuffix("Z") ? text : text + "Z") ?? Moment(iso8601: text) else {
            throw .field("expires_at", "must be a date and time in ISO 8601")
        }
        guard moment >= now else { throw .field("expires_at", "must not be in the past") }
        self = moment
    }
}
