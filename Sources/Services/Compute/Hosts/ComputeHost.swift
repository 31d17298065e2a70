import API
import Base
import Contracts
import SQL

/// A machine that runs servers, as it last said of itself.
struct ComputeHost: Record, Hashable {
    let name: String
    /// By which older clients know it.
    let number: Int
    let id: ID<ComputeHost>
    /// Its resource provider in placement.
    var provider: String { id.text }
    let serviceID: ID<ComputeHost>
    var zone: String
    var isDisabled: Bool
    var disabledReason: String?
    /// Whatever it says of itself: an administrator knows that it is down.
    var isForcedDown: Bool
    var hypervisor: String
    var version: Int
    var vcpus: Int
    var memory: Int
    var disk: Int
    var cpuInfo: JSON
    /// How long it has been up, in the words of the system's own command.
    var uptime: String?
    var seen: Moment
    /// What its servers were allotted.
    var vcpusUsed: Int
    var memoryUsed: Int
    var diskUsed: Int
    var servers: Int
    /// Servers that something is being done with, and those that are being built.
    var workload: Int
    var building: Int
    var aggregates: [Aggregate] = []
}

extension ComputeHost {
    static let created = Migration(
        "create compute host",
        """
        CREATE TABLE compute_host (
            name            VARCHAR(255) NOT NULL PRIMARY KEY,
            id              VARCHAR(64)  NOT NULL,
            service_id      VARCHAR(64)  NOT NULL,
            zone            VARCHAR(255) NOT NULL,
            disabled        BOOLEAN      NOT NULL,
            disabled_reason MEDIUMTEXT,
            hypervisor      VARCHAR(64)  NOT NULL,
            version         BIGINT       NOT NULL,
            vcpus           BIGINT       NOT NULL,
            memory          BIGINT       NOT NULL,
            disk            BIGINT       NOT NULL,
            cpu_info        MEDIUMTEXT   NOT NULL,
            seen_at         BIGINT       NOT NULL
        )
        """)

    static let countedOn = Migration(
        "number compute hosts and say how they are",
        "ALTER TABLE compute_host ADD COLUMN number BIGINT NOT NULL DEFAULT 0",
        "ALTER TABLE compute_host ADD COLUMN forced_down BOOLEAN NOT NULL DEFAULT 0",
        "ALTER TABLE compute_host ADD COLUMN uptime VARCHAR(255)")

    init(_ row: borrowing Row) throws(Failure) {
        self.init(
            name: try row.text("name"), number: try row.integer("number"), id: try row.id("id"),
            serviceID: try row.id("service_id"),
            zone: try row.text("zone"), isDisabled: try row.bool("disabled"),
            disabledReason: try row.optionalText("disabled_reason"), isForcedDown: try row.bool("forced_down"),
            hypervisor: try row.text("hypervisor"),
            version: try row.integer("version"), vcpus: try row.integer("vcpus"), memory: try row.integer("memory"),
            disk: try row.integer("disk"), cpuInfo: try JSONReader.read(try row.text("cpu_info")),
            uptime: try row.optionalText("uptime"), seen: try row.moment("seen_at"),
            vcpusUsed: try row.optionalInteger("vcpus_used") ?? 0,
            memoryUsed: try row.optionalInteger("memory_used") ?? 0,
            diskUsed: try row.optionalInteger("disk_used") ?? 0, servers: try row.optionalInteger("servers") ?? 0,
            workload: try row.optionalInteger("workload") ?? 0, building: try row.optionalInteger("building") ?? 0)
    }

    var freeMemory: Int { memory - memoryUsed }
    var freeDisk: Int { disk - diskUsed }
    /// All roles of a cloud on one machine speak to one another there.
    var address: String { "127.0.0.1" }

    func isAlive(at now: Moment, _ settings: ComputeSettings) -> Bool {
        !isForcedDown && now < seen + settings.nodePatience
    }
}

extension Transaction {
    /// With what their servers use, and the aggregates that they are in; a zone is an aggregate's before it is their own.
    func computeHosts(_ condition: SQL = "1 = 1") throws(Failure) -> [ComputeHost] {
        var hosts: [ComputeHost] = try rows(
            """
            SELECT compute_host.*, used.vcpus_used, used.memory_used, used.disk_used, used.servers, used.workload,
                used.building
            FROM compute_host LEFT JOIN (
                SELECT host, SUM(vcpus) AS vcpus_used, SUM(memory) AS memory_used, SUM(disk) AS disk_used,
                    COUNT(*) AS servers, SUM(CASE WHEN task IS NULL THEN 0 ELSE 1 END) AS workload,
                    SUM(CASE WHEN state = 'building' THEN 1 ELSE 0 END) AS building
                FROM compute_server WHERE host IS NOT NULL AND state <> 'deleted' GROUP BY host
            ) AS used ON used.host = compute_host.name
            WHERE \(condition) ORDER BY name
            """)
        let aggregates = try aggregates()
        guard !aggregates.isEmpty else { return hosts }
        for index in hosts.indices {
            hosts[index].aggregates = aggregates.filter { $0.hosts.contains(hosts[index].name) }
            if let zone = hosts[index].aggregates.lazy.compactMap(\.zone).first { hosts[index].zone = zone }
        }
        return hosts
    }

    /// How hosts are that aren't up: in the words that clients know, by name.
    func unwellHosts(at now: Moment, _ settings: ComputeSettings) throws(Failure) -> [String: String] {
        let pairs = try rows("SELECT name, disabled, forced_down, seen_at FROM compute_host") { row in
            (
                try row.text("name"),
                try row.bool("disabled")
                    ? "MAINTENANCE"
                    : try row.bool("forced_down")
                        ? "DOWN" : now < row.moment("seen_at") + settings.nodePatience ? "UP" : "UNKNOWN"
            )
        }
        return Dictionary(pairs.filter { $0.1 != "UP" }, uniquingKeysWith: { first, _ in first })
    }

    func computeHost(named name: String) throws(Failure) -> ComputeHost {
        guard let host = try computeHosts("compute_host.name = \(name)").first else {
            throw .noSuch("Compute host", name)
        }
        return host
    }

    /// Forgets a host that has no servers; its node, if there is one after all, makes itself known again.
    func deleteComputeHost(_ name: String) throws(Failure) {
        try run("DELETE FROM compute_aggregate_host WHERE host = \(name)")
        try run("DELETE FROM compute_host WHERE name = \(name)")
    }

    /// Writes down what a node says of itself. A node that is new gets its ids here.
    func note(_ report: NodeReport, zone: String, world: World) throws(Failure) -> ComputeHost {
        let now = world.now
        let number = try nextServiceNumber()
        try run(
            """
            INSERT INTO compute_host (name, number, id, service_id, zone, disabled, hypervisor, version, vcpus, memory,
                disk, cpu_info, uptime, seen_at)
            VALUES (\(report.host), \(number), \(UUID(world.chance).dashed), \(UUID(world.chance).dashed), \(zone), \(false),
                \(report.hypervisor), \(report.version), \(report.vcpus), \(report.memory), \(report.disk),
                \(report.cpuInfo.text), \(report.uptime), \(now))
            \(.onConflict(["name"], update: ["hypervisor", "version", "vcpus", "memory", "disk", "cpu_info", "uptime", "seen_at"]))
            """)
        guard let host = try computeHosts("compute_host.name = \(report.host)").first else {
            throw .bug("A node that was just written down is not there.")
        }
        return host
    }

    func update(_ host: ComputeHost) throws(Failure) {
        try run(
            """
            UPDATE compute_host SET disabled = \(host.isDisabled), disabled_reason = \(host.disabledReason),
                forced_down = \(host.isForcedDown) WHERE name = \(host.name)
            """)
    }
}
