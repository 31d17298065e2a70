import API
import Base
import HTTP
import Policy
import SQL

extension Revocation {
    static let endpoints: [Endpoint<Identity>] = [
        .get(
            "/OS-REVOKE/events", "List revocations", may: .listRevokeEvents,
            query: [Parameter("since", .text(1...64, format: .dateTime))], list)
    ]

    static func list(_ call: Call<Identity>) async throws(Failure) -> Reply {
        var since: Moment?
        if let text = call.query["since"] {
            guard let moment = Moment(iso8601: text) else { throw .field("since", "must be a time") }
            since = moment
        }
        let now = call.service.world.now
        let all = try await call.service.database.read { try $0.revocations(after: 0, endingAfter: now) }
        let wanted = all.map(\.revocation).filter { revocation in since.map { revocation.issuedBefore >= $0 } ?? true }
        return .many("events", wanted, call) { $0.write(to: &$1) }
    }

    private func write(to json: inout JSONWriter) {
        if let user { json.put("user_id", user) }
        if let domain { json.put("domain_id", domain) }
        if let project { json.put("project_id", project) }
        if let auditID { json.put("audit_id", auditID) }
        if let chain { json.put("audit_chain_id", chain) }
        json.put("issued_before", issuedBefore, as: .identity)
        json.put("revoked_at", issuedBefore, as: .identity)
    }
}

extension Rule {
    static let listRevokeEvents = Rule(
        "identity:list_revoke_events", "List revocations", May.serviceOrAdmin, for: [.system, .project])
}
