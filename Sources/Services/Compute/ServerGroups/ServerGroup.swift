import API
import Base

/// Servers that are to stand together, or apart.
struct ServerGroup: Sendable {
    enum Policy: String, Sendable, CaseIterable {
        case affinity
        case antiAffinity = "anti-affinity"
        case softAffinity = "soft-affinity"
        case softAntiAffinity = "soft-anti-affinity"
    }

    let id: ID<ServerGroup>
    let project: String
    let user: String
    let name: String
    let policy: Policy
    /// How many of them one host may have, where they are to stand apart; said by the user or not.
    let mostPerHost: Int?
    let created: Moment
    /// Servers that are there, in the order in which they came.
    var members: [ID<Server>] = []
}

extension ServerGroup {
    /// Whether one more server may stand on a host, with so many of the group there and so many elsewhere.
    func allows(onHost here: Int, elsewhere: Int) -> Bool {
        switch policy {
        case .affinity: elsewhere == 0 || here > 0
        case .antiAffinity: here < mostPerHost ?? 1
        case .softAffinity, .softAntiAffinity: true
        }
    }

    func write(to json: inout JSONWriter, at version: Microversion) {
        json.put("id", id)
        json.put("name", name)
        if version >= "2.64" {
            json.put("policy", policy.rawValue)
            json.object("rules") { if let mostPerHost { $0.put("max_server_per_host", mostPerHost) } }
        } else {
            json.put("policies", [policy.rawValue])
            json.object("metadata") { _ in }
        }
        json.put("members", members.map(\.text))
        guard version >= "2.13" else { return }
        json.put("project_id", project)
        json.put("user_id", user)
    }
}
