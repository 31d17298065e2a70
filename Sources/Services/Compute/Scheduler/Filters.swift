import Base
import Contracts

/// A reason for a host not to get a server.
struct HostFilter: Sendable {
    let name: String
    /// Why not; nil when the host will do.
    let objection: @Sendable (ComputeHost, Situation) -> String?

    /// All that there are, in the order in which hosts go through them.
    static let all: [HostFilter] = [
        HostFilter(name: "alive") { host, situation in
            host.isAlive(at: situation.now, situation.settings) ? nil : "has not been heard of lately"
        },
        HostFilter(name: "enabled") { host, _ in
            host.isDisabled ? "is disabled" + (host.disabledReason.map { " (\($0))" } ?? "") : nil
        },
        HostFilter(name: "wanted") { host, situation in
            let wanted = situation.request.host
            return wanted == nil || wanted == host.name ? nil : "is not the host that was asked for"
        },
        HostFilter(name: "fresh") { host, situation in
            situation.request.avoid.contains(host.name) ? "has just failed to build it" : nil
        },
        HostFilter(name: "zone") { host, situation in
            guard let zone = situation.request.zone, zone != host.zone else { return nil }
            return "is in zone \(host.zone), not \(zone)"
        },
        HostFilter(name: "capabilities", objection: capabilities),
        HostFilter(name: "aggregate extra specs", objection: aggregateSpecs),
        HostFilter(name: "aggregate image properties", objection: aggregateImage),
        HostFilter(name: "tenancy", objection: tenancy),
        HostFilter(name: "image properties", objection: image),
        HostFilter(name: "same host") { host, situation in
            let servers = situation.request.named("same_host")
            let isThere = servers.isEmpty || servers.contains { situation.hosts[$0] == host.name }
            return isThere ? nil : "has none of the servers that it is to be with"
        },
        HostFilter(name: "different host") { host, situation in
            situation.request.named("different_host").contains { situation.hosts[$0] == host.name }
                ? "has a server that it is not to be with" : nil
        },
        HostFilter(name: "group") { host, situation in
            guard let group = situation.group, !group.allows(host.name) else { return nil }
            return group.group.policy == .affinity
                ? "has none of the group's servers, others have" : "has as many of the group's servers as it may"
        },
        HostFilter(name: "query", objection: query),
        HostFilter(name: "near", objection: near),
    ]

    // MARK: What flavors ask

    private static let capabilityScope = "capabilities:"
    private static let aggregateScope = "aggregate_instance_extra_specs:"

    /// What a flavor says with a scope of its own is for somebody else; without one it is for host or aggregate.
    private static func capabilities(_ host: ComputeHost, _ situation: Situation) -> String? {
        for spec in situation.request.extraSpecs.members {
            guard let wish = spec.value.string else { continue }
            if spec.name.hasPrefix(capabilityScope) {
                let path = spec.name.dropFirst(capabilityScope.count).split(separator: ":").map(String.init)
                guard SpecWish(wish).holds(for: host.facts.words(at: path)) else {
                    return "is not \(path.last ?? "") \(wish)"
                }
            } else if !spec.name.contains(":"), spec.name != "group_policy" {
                let known = host.values(of: spec.name) + host.facts.words(at: [spec.name])
                guard SpecWish(wish).holds(for: known) else { return "is not \(spec.name) \(wish)" }
            }
        }
        return nil
    }

    private static func aggregateSpecs(_ host: ComputeHost, _ situation: Situation) -> String? {
        for spec in situation.request.extraSpecs.members where spec.name.hasPrefix(aggregateScope) {
            let key = String(spec.name.dropFirst(aggregateScope.count))
            let wish = spec.value.string ?? ""
            guard SpecWish(wish).holds(for: host.values(of: key)) else {
                return "is in no aggregate with \(key) \(wish)"
            }
        }
        return nil
    }

    // MARK: What aggregates ask

    /// An aggregate that says something of images takes those that say the same.
    private static func aggregateImage(_ host: ComputeHost, _ situation: Situation) -> String? {
        for property in situation.request.image.members {
            let allowed = host.values(of: property.name)
            guard !allowed.isEmpty else { continue }
            let value = property.value.string ?? ""
            guard allowed.contains(value) else { return "is in an aggregate for other images (\(property.name))" }
        }
        return nil
    }

    /// An aggregate that names projects is for them alone. They may be named one after another, each with a suffix.
    private static func tenancy(_ host: ComputeHost, _ situation: Situation) -> String? {
        for aggregate in host.aggregates {
            let named = aggregate.metadata.members.filter { $0.name.hasPrefix("filter_tenant_id") }
            let projects = named.flatMap { ($0.value.string ?? "").split(separator: ",").map { String($0).trimmed } }
            guard projects.isEmpty || projects.contains(situation.request.project) else {
                return "is in an aggregate for other projects"
            }
        }
        return nil
    }

    // MARK: What images ask

    private static func image(_ host: ComputeHost, _ situation: Situation) -> String? {
        let image = situation.request.image
        if let wanted = image.text("hw_architecture") ?? image.text("architecture"),
            let has = host.cpuInfo["arch"]?.string, wanted != has
        {
            return "is \(has), not \(wanted)"
        }
        if let wanted = image.text("img_hv_type") ?? image.text("hypervisor_type"),
            wanted.lowercased() != host.hypervisor.lowercased()
        {
            return "runs \(host.hypervisor), not \(wanted)"
        }
        return nil
    }

    // MARK: What users ask

    private static func query(_ host: ComputeHost, _ situation: Situation) -> String? {
        guard let hint = situation.request.hints["query"] else { return nil }
        let query = hint.string.map { (try? JSONReader.read($0)) ?? .null } ?? hint
        return HostQuery(facts: host.facts).holds(query) ? nil : "is not what the query asks for"
    }

    private static func near(_ host: ComputeHost, _ situation: Situation) -> String? {
        guard let text = situation.request.hints.text("build_near_host_ip") else { return nil }
        let mask = situation.request.hints.text("cidr") ?? "/24"
        guard let network = IPNetwork(text + mask), let address = IPAddress(host.address), network.contains(address)
        else {
            return "is not near \(text)\(mask)"
        }
        return nil
    }
}

extension ComputeHost {
    /// What aggregates say of it under a name; several values stand with commas between.
    func values(of key: String) -> [String] {
        aggregates.flatMap { ($0.metadata.text(key) ?? "").split(separator: ",").map { String($0).trimmed } }
    }

    /// What flavors and queries may ask about, under the names that they know.
    var facts: JSON {
        [
            "host": .string(name), "hypervisor_hostname": .string(name), "hypervisor_type": .string(hypervisor),
            "hypervisor_version": JSON(version), "host_ip": .string(address), "vcpus_total": JSON(vcpus),
            "vcpus_used": JSON(vcpusUsed), "total_usable_ram_mb": JSON(memory), "free_ram_mb": JSON(freeMemory),
            "total_usable_disk_gb": JSON(disk), "free_disk_mb": JSON(freeDisk * 1_024),
            "disk_mb_used": JSON(diskUsed * 1_024), "num_instances": JSON(servers), "num_io_ops": JSON(building),
            "cpu_info": cpuInfo,
        ]
    }
}

extension JSON {
    /// What stands at a path, as words: one, or those of a list.
    fileprivate func words(at path: [String]) -> [String] {
        var value: JSON? = self
        for name in path { value = value?[name] }
        switch value {
        case .string(let text): return [text]
        case .integer(let number): return ["\(number)"]
        case .bool(let flag): return ["\(flag)"]
        case .array(let list): return list.compactMap(\.string)
        default: return []
        }
    }
}
