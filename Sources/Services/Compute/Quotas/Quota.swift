import API
import Base

/// A thing that projects may have so many of.
///
/// Each is a row of a list: its names on the wire, the microversions that show it, and what is usual.
struct Quota: Sendable {
    let name: String
    /// The last microversion whose quota sets show it; nil for all.
    let until: Microversion?
    /// The same for the quotas of a class, which have a history of their own.
    let classSince: Microversion?
    let classUntil: Microversion?
    /// Its names among one's limits.
    let limits: [Name]
    /// The name of what is used of it, among one's limits.
    let used: String?
    let usual: @Sendable (ComputeSettings) -> Int

    struct Name: Sendable {
        let text: String
        let until: Microversion?
    }

    /// What network and block storage have taken over keeps no count here.
    private static let elsewhere: @Sendable (ComputeSettings) -> Int = { _ in -1 }

    static let all: [Quota] = [
        Quota("cores", limits: ["maxTotalCores"], used: "totalCoresUsed") { $0.cores },
        Quota("fixed_ips", until: "2.35", elsewhere),
        Quota("floating_ips", until: "2.35", limits: ["maxTotalFloatingIps"], used: "totalFloatingIpsUsed", elsewhere),
        Quota("injected_file_content_bytes", until: "2.56", limits: ["maxPersonalitySize"]) { _ in 10_240 },
        Quota("injected_file_path_bytes", until: "2.56") { _ in 255 },
        Quota("injected_files", until: "2.56", limits: ["maxPersonality"]) { _ in 5 },
        Quota("instances", limits: ["maxTotalInstances"], used: "totalInstancesUsed") { $0.instances },
        Quota("key_pairs", limits: ["maxTotalKeypairs"]) { $0.keypairs },
        Quota("metadata_items", limits: ["maxServerMeta"], imageLimit: "maxImageMeta") { $0.metadataItems },
        Quota("ram", limits: ["maxTotalRAMSize"], used: "totalRAMUsed") { $0.memory },
        Quota("security_group_rules", until: "2.35", limits: ["maxSecurityGroupRules"], elsewhere),
        Quota(
            "security_groups", until: "2.35", limits: ["maxSecurityGroups"], used: "totalSecurityGroupsUsed", elsewhere),
        Quota("server_group_members", classSince: "2.50", limits: ["maxServerGroupMembers"]) { $0.serverGroupMembers },
        Quota("server_groups", classSince: "2.50", limits: ["maxServerGroups"], used: "totalServerGroupsUsed") {
            $0.serverGroups
        },
    ]

    private init(
        _ name: String, until: Microversion? = nil, classSince: Microversion? = nil, limits: [String] = [],
        imageLimit: String? = nil, used: String? = nil, _ usual: @escaping @Sendable (ComputeSettings) -> Int
    ) {
        self.name = name
        self.until = until
        self.classSince = classSince
        classUntil = until == "2.35" ? "2.49" : until
        let others = imageLimit.map { [Name(text: $0, until: "2.38")] } ?? []
        self.limits = limits.map { Name(text: $0, until: until) } + others
        self.used = used
        self.usual = usual
    }

    func isShown(at version: Microversion) -> Bool { until.map { version <= $0 } ?? true }

    func isShownOfClass(at version: Microversion) -> Bool {
        (classUntil.map { version <= $0 } ?? true) && (classSince.map { version >= $0 } ?? true)
    }

    /// What a limit may be: -1 is none.
    static let limit: Shape = .looseInteger(-1...Int64(Int32.max))
}

/// How much of each thing somebody may have. -1 is as much as they like.
struct QuotaLimits: Sendable {
    private var values: [String: Int]

    init(_ settings: ComputeSettings) {
        values = Dictionary(
            Quota.all.map { ($0.name, $0.usual(settings)) }, uniquingKeysWith: { first, _ in first })
    }

    subscript(name: String) -> Int { values[name] ?? -1 }

    mutating func set(_ changes: [String: Int]) { values.merge(changes) { _, new in new } }
}

/// How much of each thing is in use.
struct QuotaUse: Sendable {
    var servers = ServerUsage(instances: 0, cores: 0, memory: 0)
    var serverGroups = 0
    var keypairs = 0

    subscript(name: String) -> Int {
        switch name {
        case "cores": servers.cores
        case "instances": servers.instances
        case "ram": servers.memory
        case "server_groups": serverGroups
        case "key_pairs": keypairs
        default: 0
        }
    }
}
