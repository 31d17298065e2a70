import Base
import Contracts

/// How the scheduler chooses.
package struct SchedulerSettings: Sendable {
    package var algorithm = SchedulerAlgorithm.weighed
    /// Filters that hosts don't go through, by name.
    package var skippedFilters: Set<String> = []

    package init() {}

    /// Those that hosts do go through. Choosing at random asks no more than that a host is there.
    var filters: [HostFilter] {
        HostFilter.all.filter { filter in
            !skippedFilters.contains(filter.name)
                && (algorithm != .random || SchedulerAlgorithm.leastFilters.contains(filter.name))
        }
    }
}

/// Which of several hosts a server gets.
package enum SchedulerAlgorithm: String, Sendable, CaseIterable {
    /// The one that the weighers like best.
    case weighed
    /// Any host that is there and has room.
    case random
    /// Any host that goes through all filters: of the right zone, above all.
    case available
    /// The one whose processors are used least.
    case simple

    fileprivate static let leastFilters: Set<String> = ["alive", "enabled", "wanted", "fresh"]

    func sorted(
        _ candidates: [Scheduler.Candidate], _ situation: Situation, _ chance: any Chance
    ) -> [Scheduler.Candidate] {
        let weights: [Double]
        switch self {
        case .weighed: weights = HostWeigher.weights(of: candidates.map(\.host), situation)
        case .random, .available: weights = candidates.map { _ in Double(chance.below(1 << 30)) }
        case .simple: weights = candidates.map { -Double($0.host.vcpusUsed) / Double(max($0.host.vcpus, 1)) }
        }
        let order = candidates.indices.sorted { weights[$0] > weights[$1] }
        return order.map { candidates[$0] }
    }
}
