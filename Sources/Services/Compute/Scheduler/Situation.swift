import Base
import Contracts
import Synchronization

/// All that is known beside the hosts when one is chosen.
struct Situation: Sendable {
    let request: HostRequest
    let now: Moment
    let settings: ComputeSettings
    let group: Group?
    /// Where the servers are that hints name.
    let hosts: [String: String]

    /// The group that the server belongs to, and where its other servers are.
    struct Group: Sendable {
        let group: ServerGroup
        /// Hosts by server.
        let hosts: [String: String]

        func servers(on host: String) -> Int { hosts.values.count { $0 == host } }

        func allows(_ host: String) -> Bool {
            let here = servers(on: host)
            return group.allows(onHost: here, elsewhere: hosts.count - here)
        }
    }
}

/// Choices that were made for servers of groups and that the database doesn't have yet: without them, two servers of a
/// group that are placed at the same moment would know nothing of each other.
final class GroupLedger: Sendable {
    private struct Entry {
        let host: String
        let at: Moment
    }

    private let state = Mutex<[String: [String: Entry]]>([:])

    /// Whoever has chosen has said so in the database by then.
    private static let memory: Duration = .seconds(120)

    /// Notes a choice, unless it goes against the group's policy by now.
    func reserve(_ host: String, _ situation: Situation, at now: Moment) -> Bool {
        guard let members = situation.group else { return true }
        let server = situation.request.server
        return state.withLock { groups in
            var entries = (groups[members.group.id.text] ?? [:]).filter { now < $0.value.at + GroupLedger.memory }
            entries[server] = nil
            let hosts = members.hosts.merging(entries.mapValues(\.host)) { stored, _ in stored }
            guard Situation.Group(group: members.group, hosts: hosts).allows(host) else { return false }
            entries[server] = Entry(host: host, at: now)
            groups[members.group.id.text] = entries
            return true
        }
    }

    func forget(_ server: String, of group: String?) {
        guard let group else { return }
        state.withLock { $0[group]?[server] = nil }
    }
}
