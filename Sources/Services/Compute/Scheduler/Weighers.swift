import Base
import Contracts

/// What speaks for a host among those that would do.
struct HostWeigher: Sendable {
    let name: String
    /// How much it counts. An aggregate can say otherwise for its hosts, under this name in its metadata.
    let multiplier: String
    let factor: Double
    let weight: @Sendable (ComputeHost, Situation) -> Double

    static let all: [HostWeigher] = [
        HostWeigher(name: "free memory", multiplier: "ram_weight_multiplier", factor: 1) { host, _ in
            Double(host.freeMemory)
        },
        HostWeigher(name: "free processors", multiplier: "cpu_weight_multiplier", factor: 1) { host, _ in
            Double(host.vcpus - host.vcpusUsed)
        },
        HostWeigher(name: "free disk", multiplier: "disk_weight_multiplier", factor: 1) { host, _ in
            Double(host.freeDisk)
        },
        HostWeigher(name: "builds under way", multiplier: "io_ops_weight_multiplier", factor: -1) { host, _ in
            Double(host.building)
        },
        HostWeigher(name: "soft affinity", multiplier: "soft_affinity_weight_multiplier", factor: 1) {
            host, situation in
            guard let group = situation.group, group.group.policy == .softAffinity else { return 0 }
            return Double(group.servers(on: host.name))
        },
        HostWeigher(name: "soft anti-affinity", multiplier: "soft_anti_affinity_weight_multiplier", factor: -1) {
            host, situation in
            guard let group = situation.group, group.group.policy == .softAntiAffinity else { return 0 }
            return Double(group.servers(on: host.name))
        },
    ]

    private func factor(for host: ComputeHost) -> Double {
        host.aggregates.lazy.compactMap { $0.metadata.text(multiplier).flatMap { Double($0) } }.first ?? factor
    }

    /// The sum of all weighers for each host, where each counts from 0 to its factor between the least and the most.
    static func weights(of hosts: [ComputeHost], _ situation: Situation) -> [Double] {
        var sums = [Double](repeating: 0, count: hosts.count)
        for weigher in all {
            let raw = hosts.map { weigher.weight($0, situation) }
            guard let least = raw.min(), let most = raw.max(), least < most else { continue }
            for index in hosts.indices {
                sums[index] += weigher.factor(for: hosts[index]) * (raw[index] - least) / (most - least)
            }
        }
        return sums
    }
}
