import Base
import Contracts
import SQL

/// A machine that runs servers, as it last said of itself.
struct ComputeHost: Record, Hashable {
    let name: String
    let id: ID<ComputeHost>
    /// Its resource provider in placement.
    var provider: String { id.text }
    let serviceID: ID<ComputeHost>
    var zone: String
    var isDisabled: Bool
    var disabledReason: String?
    var hypervisor: String
    var version: Int
    var vcpus: Int
    var memory: Int
    var disk: Int
    var cpuInfo: JSON
    var seen: Moment
    /// What its servers were allotted.
    var vcpusUsed: Int
    var memoryUsed: Int
    var servers: Int
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

    init(_ row: borrowing Row) throws(Failure) {
        self.init(
            name: try row.text("name"), id: try row.id("id"), serviceID: try row.id("service_id"),
            zone: try row.text("zone"), isDisabled: try row.bool("disabled"),
            disabledReason: try row.optionalText("disabled_reason"), hypervisor: try row.text("hypervisor"),
            version: try row.integer("version"), vcpus: try row.integer("vcpus"), memory: try row.integer("memory"),
            disk: try row.integer("disk"), cpuInfo: try JSONReader.read(try row.text("cpu_info")),
            seen: try row.moment("seen_at"), vcpusUsed: try row.optionalInteger("vcpus_used") ?? 0,
            memoryUsed: try row.optionalInteger("memory_used") ?? 0, servers: try row.optionalInteger("servers") ?? 0)
    }

    var freeMemory: Int { memory - memoryUsed }

    func isAlive(at now: Moment, _ settings: ComputeSettings) -> Bool { now < seen + settings.nodePatience }
}

extension Transaction {
    func computeHosts(_ condition: SQL = "1 = 1") throws(Failure) -> [ComputeHost] {
        try rows(
            """
            SELECT compute_host.*, used.vcpus_used, used.memory_used, used.servers FROM compute_host
            LEFT JOIN (
                SELECT host, SUM(vcpus) AS vcpus_used, SUM(memory) AS memory_used, COUNT(*) AS servers
                FROM compute_server WHERE state <> 'deleted' GROUP BY host
            ) AS used ON used.host = compute_host.name
            WHERE \(condition) ORDER BY name
            """)
    }

    /// Writes down what a node says of itself. A node that is new gets its ids here.
    func note(_ report: NodeReport, zone: String, world: World) throws(Failure) -> ComputeHost {
        let now = world.now
        try run(
            """
            INSERT INTO compute_host (name, id, service_id, zone, disabled, hypervisor, version, vcpus, memory, disk, cpu_info, seen_at)
            VALUES (\(report.host), \(UUID(world.chance).dashed), \(UUID(world.chance).dashed), \(zone), \(false),
                \(report.hypervisor), \(report.version), \(report.vcpus), \(report.memory), \(report.disk),
                \(report.cpuInfo.text), \(now))
            \(.onConflict(["name"], update: ["hypervisor", "version", "vcpus", "memory", "disk", "cpu_info", "seen_at"]))
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
                zone = \(host.zone) WHERE name = \(host.name)
            """)
    }
}
