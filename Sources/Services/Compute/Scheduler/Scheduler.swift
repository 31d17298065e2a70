import API
import Base
import Contracts
import HTTP
import Policy
import SQL

/// Chooses a host for a server among those that placement offers, and claims it.
///
/// Filters and weighers are lists: a host goes through all of the first, and the sum of the second decides.
struct Scheduler: Sendable {
    let database: Database
    let world: World
    let placement: Neighbour
    let tokens: any TokenIssuer
    let settings: ComputeSettings

    struct Candidate: Sendable {
        let host: ComputeHost
        let provider: String
        let allocation: JSON
    }

    struct Filter: Sendable {
        let name: String
        /// Why not; nil when the host will do.
        let objection: @Sendable (ComputeHost, HostRequest, Moment, ComputeSettings) -> String?
    }

    static let filters: [Filter] = [
        Filter(name: "alive") { host, _, now, settings in
            host.isAlive(at: now, settings) ? nil : "has not been heard of lately"
        },
        Filter(name: "enabled") { host, _, _, _ in host.isDisabled ? "is disabled" : nil },
        Filter(name: "zone") { host, request, _, _ in
            request.zone == nil || request.zone == host.zone
                ? nil : "is in zone \(host.zone), not \(request.zone ?? "")"
        },
        Filter(name: "wanted") { host, request, _, _ in
            request.host == nil || request.host == host.name ? nil : "is not the host that was asked for"
        },
        Filter(name: "fresh") { host, request, _, _ in
            request.avoid.contains(host.name) ? "has just failed to build it" : nil
        },
    ]

    struct Weigher: Sendable {
        let name: String
        let factor: Double
        let weight: @Sendable (ComputeHost) -> Double
    }

    static let weighers: [Weigher] = [
        Weigher(name: "free memory", factor: 1) { Double($0.freeMemory) / Double(max($0.memory, 1)) },
        Weigher(name: "free processors", factor: 1) { Double($0.vcpus - $0.vcpusUsed) / Double(max($0.vcpus, 1)) },
    ]

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
        let now = world.now
        var objections: [String] = []
        var left: [(candidate: Candidate, weight: Double)] = []
        for candidate in offered {
            let objection = Scheduler.filters.lazy.compactMap { $0.objection(candidate.host, request, now, settings) }
                .first
            if let objection {
                objections.append("\(candidate.host.name) \(objection)")
            } else {
                let weight = Scheduler.weighers.reduce(0) { $0 + $1.factor * $1.weight(candidate.host) }
                left.append((candidate, weight))
            }
        }
        left.sort { $0.weight > $1.weight }
        for (candidate, _) in left where try await claim(candidate, request, token) {
            return HostChoice(host: candidate.host.name, zone: candidate.host.zone)
        }
        let why =
            offered.isEmpty
            ? "no host has \(request.vcpus) processors, \(request.memory) MB of memory and \(request.disk) GB of disk left"
            : objections.joined(separator: "; ")
        throw .invalid("No valid host was found. \(why.isEmpty ? "All that fitted were taken meanwhile" : why).")
    }

    private func candidates(_ request: HostRequest, _ token: String) async throws(Failure) -> [Candidate] {
        var resources = ["VCPU:\(request.vcpus)", "MEMORY_MB:\(request.memory)"]
        if request.disk > 0 { resources.append("DISK_GB:\(request.disk)") }
        let answer = try await placement.ask(
            "GET", "/allocation_candidates?limit=1000&resources=" + resources.joined(separator: ","), token: token,
            headers: ["OpenStack-API-Version": "placement 1.36"]
        ).json
        let hosts = try await database.read { try $0.computeHosts() }
        let byProvider = Dictionary(hosts.map { ($0.provider, $0) }, uniquingKeysWith: { first, _ in first })
        return (answer["allocation_requests"]?.array ?? []).compactMap { offer in
            guard let allocations = offer["allocations"], let provider = allocations.object?.members.first?.name,
                let host = byProvider[provider]
            else { return nil }
            return Candidate(host: host, provider: provider, allocation: allocations)
        }
    }

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
        return held["allocations"]?.object?.names == [candidate.provider]
    }
}
