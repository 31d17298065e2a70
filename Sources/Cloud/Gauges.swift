import API
import Base
import Bus
import Glibc
import SQL

/// What a scrape of `/metrics` is told besides the requests.
struct Gauges: Sendable {
    let database: Database?
    let carrier: Carrier

    func read() async -> [Metrics.Gauge] {
        let process = [
            Metrics.Gauge("process_cpu_seconds_total", "CPU time spent.", isCounter: true, Gauges.cpuSeconds),
            Metrics.Gauge("process_resident_memory_bytes", "Memory in use.", Gauges.residentBytes),
        ]
        return process + (await databaseFigures()) + (await busFigures())
    }

    private func busFigures() async -> [Metrics.Gauge] {
        guard case .broker(let bus) = carrier else { return [] }
        let counts = bus.counts
        let totals: [(name: String, help: String, value: Int)] = [
            ("calls", "Questions asked over the bus.", counts.calls),
            ("casts", "Messages that nobody waits for.", counts.casts),
            ("fanouts", "Messages to everybody.", counts.fanouts),
            ("handled", "Messages handled here.", counts.handled),
            ("duplicates", "Messages that came again, and had no further effect.", counts.duplicates),
            ("refused", "Messages that nobody here knows.", counts.refused),
            ("repeated", "Questions asked again after the connection was lost.", counts.repeated),
            ("connections", "How often the broker was reached.", counts.connections),
        ]
        var gauges = totals.map { total in
            Metrics.Gauge("martlet_bus_\(total.name)_total", total.help, isCounter: true, Double(total.value))
        }
        gauges.append(
            Metrics.Gauge("martlet_bus_connected", "Whether the broker is reached.", counts.isConnected ? 1 : 0))
        if let letters = await bus.deadLetters() {
            gauges.append(
                Metrics.Gauge("martlet_bus_dead_letters", "Messages that nobody took in time.", Double(letters)))
        }
        return gauges
    }

    private func databaseFigures() async -> [Metrics.Gauge] {
        guard let database else { return [] }
        let counts = database.counts
        var gauges = [
            Metrics.Gauge(
                "martlet_database_reads_total", "Transactions that read.", isCounter: true, Double(counts.reads)),
            Metrics.Gauge(
                "martlet_database_writes_total", "Transactions that wrote.", isCounter: true, Double(counts.writes)),
            Metrics.Gauge(
                "martlet_database_commits_total", "Commits; several writes may share one.", isCounter: true,
                Double(counts.commits)),
            Metrics.Gauge(
                "martlet_database_retries_total", "Transactions run again after a deadlock.", isCounter: true,
                Double(counts.retries)),
        ]
        if let runs = try? await workflows(database) {
            gauges.append(
                Metrics.Gauge(
                    "martlet_workflows", "Runs of workflows that are not over, and those that are stuck.", values: runs)
            )
        }
        return gauges
    }

    private struct RunCount: Record {
        let workflow: String
        let state: String
        let count: Int

        init(_ row: borrowing Row) throws(Failure) {
            workflow = try row.text("workflow")
            state = try row.text("direction")
            count = try row.integer("number")
        }
    }

    private func workflows(_ database: Database) async throws(Failure) -> [(
        labels: [(name: String, value: String)], value: Double
    )] {
        let counts: [RunCount] = try await database.read { tx in
            try tx.rows(
                """
                SELECT workflow, direction, COUNT(*) AS number FROM workflow_run
                WHERE direction IN ('forward', 'undoing', 'stuck') GROUP BY workflow, direction
                ORDER BY workflow, direction
                """)
        }
        return counts.map { count in
            (
                labels: [(name: "workflow", value: count.workflow), (name: "state", value: count.state)],
                value: Double(count.count)
            )
        }
    }

    private static var cpuSeconds: Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    private static var residentBytes: Double {
        let text = (try? Files.read("/proc/self/statm")).map { String(decoding: $0, as: UTF8.self) } ?? ""
        let pages = text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        return Double(pages * sysconf(Int32(_SC_PAGESIZE)))
    }
}
