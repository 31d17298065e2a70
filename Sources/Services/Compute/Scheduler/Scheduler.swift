import API
import Base
import Contracts
import HTTP
import Policy
import SQL
import Trace

/// Chooses a host for a server among those that placement offers, and claims it.
///
/// A host goes through all filters, and what the weighers make of those that are left decides: both are lists, in
/// `Filters.swift` and `Weighers.swift`.
struct Scheduler: Sendable {
    let database: Database
    let world: World
    let placement: Neighbour
    let tokens: any TokenIssuer
    let settings: ComputeSettings
    let log: Log
    let ledger = GroupLedger()

    struct Candidate: Sendable {
        let host: ComputeHost
        let provider: String
        let allocation: JSON
    }

    static let version: HTTPHeaders = ["OpenStack-API-Version": "placement 1.38"]

    /// Allocations as they are claimed, without what is only told of them.
    static func resources(of allocations: JSON.Object) -> JSON {
        .object(
            JSON.Object(
                allocations.members.map { member in
                    JSON.Member(name: member.name, value: ["resources": member.value["resources"] ?? [:]])
                }))
    }

    func choose(_ request: HostRequest) async throws(Failure) -> HostChoice {
        let token = try await tokens.serviceToken()
        let offered = try await candidates(request, token)
        let situation = try await situation(request)
        let filters = settings.scheduler.filters
        var objections: [String] = []
        var fit: [Candidate] = []
        for candidate in offered {
            if let objection = filters.lazy.compactMap({ $0.objection(candidate.host, situation) }).first {
                objections.append("\(candidate.host.name) \(objection)")
            } else {
                fit.append(candidate)
            }
        }
        for candidate in settings.scheduler.algorithm.sorted(fit, situation, world.chance) {
            if let choice = try await take(candidate, situation, token) { return choice }
            objections.append("\(candidate.host.name) was taken meanwhile")
        }
        let why = offered.isEmpty ? "no host has \(request.needs) left" : objections.joined(separator: "; ")
        log.info("No host for server \(request.server): \(why)")
        throw .invalid("No valid host was found. \(why).")
    }

    /// Nil when somebody else was quicker.
    private func take(
        _ candidate: Candidate, _ situation: Situation, _ token: String
    ) async throws(Failure) -> HostChoice? {
        let (request, host) = (situation.request, candidate.host)
        guard ledger.reserve(host.name, situation, at: world.now) else { return nil }
        do throws(Failure) {
            if try await claim(candidate, request, token) { return HostChoice(host: host.name, zone: host.zone) }
        } catch {
            ledger.forget(request.server, of: request.group)
            throw error
        }
        ledger.forget(request.server, of: request.group)
        return nil
    }

    // MARK: What there is

    private func candidates(_ request: HostRequest, _ token: String) async throws(Failure) -> [Candidate] {
        let answer = try await placement.ask(
            "GET", "/allocation_candidates?limit=1000&" + ResourceQuery(request).text, token: token,
            headers: ["OpenStack-API-Version": "placement 1.36"]
        ).json
        let hosts = try await database.read { try $0.computeHosts() }
        let byProvider = Dictionary(hosts.map { ($0.provider, $0) }, uniquingKeysWith: { first, _ in first })
        return (answer["allocation_requests"]?.array ?? []).compactMap { offer in
            guard let allocations = offer["allocations"], let providers = allocations.object?.names,
                let provider = providers.first(where: { byProvider[$0] != nil }), let host = byProvider[provider]
            else { return nil }
            return Candidate(host: host, provider: provider, allocation: allocations)
        }
    }

    private func situation(_ request: HostRequest) async throws(Failure) -> Situation {
        let (now, settings) = (world.now, settings)
        let others = request.named("same_host") + request.named("different_host")
        guard request.group != nil || !others.isEmpty else {
            return Situation(request: request, now: now, settings: settings, group: nil, hosts: [:])
        }
        return try await database.read { tx in
            let group = try request.group.flatMap { try tx.serverGroups("id = \($0)").first }
            let members = try group.map { try tx.hosts(of: $0.id, without: ID(request.server)) } ?? [:]
            let hosts = try tx.hosts(of: others.map { ID($0) })
            return Situation(
                request: request, now: now, settings: settings,
                group: group.map { Situation.Group(group: $0, hosts: members) }, hosts: hosts)
        }
    }

    // MARK: Claims

    /// False when somebody else was quicker.
    private func claim(_ candidate: Candidate, _ request: HostRequest, _ token: String) async throws(Failure) -> Bool {
        if let migration = request.migration { return try await move(candidate, request, migration, token) }
        let body: JSON = [
            "allocations": candidate.allocation, "project_id": .string(request.project),
            "user_id": .string(request.user),
            "consumer_generation": .null, "consumer_type": "INSTANCE",
        ]
        do throws(Failure) {
            _ = try await placement.ask(
                "PUT", "/allocations/\(request.server)", body, token: token,
                headers: ["OpenStack-API-Version": "placement 1.38"])
            return true
        } catch  where error.kind == .conflict {
            return try await isClaimed(candidate, request, token)
        }
    }

    /// What the server held is the migration's from now on, and the server holds what it is going to need: both or neither.
    private func move(
        _ candidate: Candidate, _ request: HostRequest, _ migration: String, _ token: String
    ) async throws(Failure) -> Bool {
        let held = try await allocations(of: migration, token)
        // A try before this one has done it, and its answer was lost.
        if held["allocations"]?.object?.members.isEmpty == false {
            return try await isClaimed(candidate, request, token)
        }
        let now = try await allocations(of: request.server, token)
        let owner = { (allocations: JSON, generation: JSON?, kind: String) -> JSON in
            [
                "allocations": allocations, "project_id": .string(request.project), "user_id": .string(request.user),
                "consumer_generation": generation ?? .null, "consumer_type": .string(kind),
            ]
        }
        let before = Scheduler.resources(of: now["allocations"]?.object ?? JSON.Object())
        let body = JSON.Object([
            JSON.Member(name: migration, value: owner(before, held["consumer_generation"], "MIGRATION")),
            .init(
                name: request.server, value: owner(candidate.allocation, now["consumer_generation"], "INSTANCE")),
        ])
        do throws(Failure) {
            _ = try await placement.ask("POST", "/allocations", .object(body), token: token, headers: Scheduler.version)
            return true
        } catch  where error.kind == .conflict {
            return false
        }
    }

    private func allocations(of consumer: String, _ token: String) async throws(Failure) -> JSON {
        try await placement.ask("GET", "/allocations/\(consumer)", token: token, headers: Scheduler.version).json
    }

    /// Whether the claim is ours already, from a try whose answer was lost.
    private func isClaimed(_ candidate: Candidate, _ request: HostRequest, _ token: String) async throws(Failure)
        -> Bool
    {
        let held = try await placement.ask("GET", "/allocations/\(request.server)", token: token).json
        return held["allocations"]?.object?.names == candidate.allocation.object?.names
    }
}

extension HostRequest {
    fileprivate var needs: String {
        "\(vcpus) processors, \(memory) MB of memory and \(disk) GB of disk"
            + (needsMore ? " and what else is asked" : "")
    }

    private var needsMore: Bool {
        (extraSpecs.names + image.names).contains { $0.hasPrefix("trait") || $0.hasPrefix("resources") }
    }

    /// The servers that a hint names: one, or several.
    func named(_ hint: String) -> [String] {
        hints.text(hint).map { [$0] } ?? hints[hint]?.array?.compactMap(\.string) ?? []
    }
}

extension Transaction {
    /// Where servers are: by their ids.
    fileprivate func hosts(of servers: [ID<Server>]) throws(Failure) -> [String: String] {
        guard !servers.isEmpty else { return [:] }
        let pairs = try rows(
            """
            SELECT id, host FROM compute_server
            WHERE id IN \(SQL.list(servers)) AND host IS NOT NULL AND state <> 'deleted'
            """
        ) { row in (try row.text("id"), try row.text("host")) }
        return Dictionary(pairs, uniquingKeysWith: { first, _ in first })
    }
}
