import Base
import HTTP
import Synchronization

/// Somebody who uses the cloud, and remembers what it has promised.
final class Customer: Sendable {
    /// What is known of a thing after what was asked and answered.
    enum Standing: String, Sendable {
        /// The cloud has said that it is there.
        case there
        /// The cloud has said that it goes, or is gone.
        case leaving
        /// The answer was lost: both may be.
        case unclear
    }

    struct KnownServer: Sendable {
        var standing: Standing
        /// The last mark that the cloud has said to have written; nil where that isn't known.
        var mark: String?
    }

    private struct State {
        var token: String?
        var servers: [String: KnownServer] = [:]
        var networks: [String: Standing] = [:]
        var ports: [String: Standing] = [:]
        var volumes: [String: Standing] = [:]
        var snapshots: [String: Standing] = [:]
        var project = ""
        var number = 0
    }

    let site: Site
    let chance: any Chance
    private let history: History
    private let state = Mutex(State())
    let clock: any Clock

    init(site: Site, chance: any Chance, clock: any Clock, history: History) {
        self.site = site
        self.chance = chance
        self.clock = clock
        self.history = history
    }

    var servers: [String: KnownServer] { state.withLock { $0.servers } }
    var networks: [String: Standing] { state.withLock { $0.networks } }
    var ports: [String: Standing] { state.withLock { $0.ports } }
    var volumes: [String: Standing] { state.withLock { $0.volumes } }
    var snapshots: [String: Standing] { state.withLock { $0.snapshots } }
    /// The id of the project; empty until it is known.
    var project: String { state.withLock { $0.project } }

    func note(server id: String, _ change: @Sendable (inout KnownServer) -> Void) {
        state.withLock { state in
            var known = state.servers[id] ?? KnownServer(standing: .there, mark: nil)
            change(&known)
            state.servers[id] = known
        }
    }

    func note(network id: String, _ standing: Standing) { state.withLock { $0.networks[id] = standing } }
    func note(port id: String, _ standing: Standing) { state.withLock { $0.ports[id] = standing } }
    func note(volume id: String, _ standing: Standing) { state.withLock { $0.volumes[id] = standing } }
    func note(snapshot id: String, _ standing: Standing) { state.withLock { $0.snapshots[id] = standing } }

    /// A number that no other thing of this customer's has.
    func number() -> Int {
        state.withLock { state in
            state.number += 1
            return state.number
        }
    }

    /// One of those that should be there, if there is any.
    func someServer() -> String? { some(servers.filter { $0.value.standing == .there }.map(\.key)) }
    func someNetwork() -> String? { some(networks.filter { $0.value == .there }.map(\.key)) }
    func somePort() -> String? { some(ports.filter { $0.value == .there }.map(\.key)) }
    func someVolume() -> String? { some(volumes.filter { $0.value == .there }.map(\.key)) }
    func someSnapshot() -> String? { some(snapshots.filter { $0.value == .there }.map(\.key)) }

    private func some(_ ids: [String]) -> String? { ids.isEmpty ? nil : ids.sorted()[chance.below(ids.count)] }

    // MARK: Asking

    @discardableResult
    func ask(_ method: String, _ target: String, _ body: JSON? = nil, bytes: [UInt8]? = nil) async -> Site.HTTPAnswer? {
        for _ in 0..<2 {
            guard let token = await token() else { return nil }
            var headers: HTTPHeaders = ["X-Auth-Token": token, "OpenStack-API-Version": "compute 2.60, volume 3.60"]
            headers.append("Content-Type", bytes == nil ? "application/json" : "application/octet-stream")
            let content = bytes.map { HTTPBody($0) } ?? body.map { HTTPBody($0.text) } ?? .empty
            let answer = await site.ask(method, target, headers, content)
            history.note("\(clock.now.microseconds) \(method) \(target) \(answer.map { "\($0.status)" } ?? "lost")")
            guard answer?.status == 401 else { return answer }
            state.withLock { $0.token = nil }
        }
        return nil
    }

    private func token() async -> String? {
        if let token = state.withLock({ $0.token }) { return token }
        let domain: JSON = ["id": "default"]
        let user: JSON = ["name": "admin", "domain": domain, "password": .string(Site.password)]
        let body: JSON = [
            "auth": [
                "identity": ["methods": ["password"], "password": ["user": user]],
                "scope": ["project": ["name": "admin", "domain": domain]],
            ]
        ]
        let answer = await site.ask("POST", "/identity/v3/auth/tokens", HTTPHeaders(), HTTPBody(body.text))
        let token = answer?.headers["X-Subject-Token"]
        let project = answer?.json["token"]?["project"]?["id"]?.string
        state.withLock { state in
            state.token = token
            state.project = project ?? state.project
        }
        return token
    }

    func sleep(_ duration: Duration) async { try? await clock.sleep(for: duration) }
}
