import API
import Base
import HTTP
import SQL

/// The time that a usage is asked for.
struct Period: Sendable {
    let start: Moment
    let end: Moment
    let now: Moment

    init(start: Moment, end: Moment, now: Moment) {
        self.start = start
        self.end = end
        self.now = now
    }

    init(_ call: Call<Compute>) throws(Failure) {
        let now = call.service.world.now
        func read(_ name: String) throws(Failure) -> Moment {
            guard let text = call.query[name], !text.isEmpty else { return now }
            guard text.utf8.count >= 19, let moment = Moment(iso8601: text) else {
                throw .invalid("Invalid datetime string: Datetime is in invalid format")
            }
            return moment
        }
        let (start, end) = (try read("start"), try read("end"))
        guard start < end else {
            throw .invalid("Invalid start time. The start time cannot occur after the end time.")
        }
        self.init(start: start, end: min(end, now), now: now)
    }

    /// How many hours of the period a server ran.
    func hours(_ use: ServerUse) -> Double {
        let from = max(use.started, start)
        let to = min(use.ended ?? end, end)
        return from < to ? Double((to - from).microseconds) / 3_600_000_000 : 0
    }

    /// By project, in the order in which their first servers came.
    func sums(_ uses: [ServerUse]) -> [ProjectUse] {
        var sums: [ProjectUse] = []
        var places: [String: Int] = [:]
        for use in uses {
            let place = places[use.project] ?? sums.count
            if place == sums.count {
                places[use.project] = place
                sums.append(ProjectUse(project: use.project))
            }
            sums[place].add(use, hours: hours(use))
        }
        return sums
    }
}

/// A server as far as its usage goes.
struct ServerUse: Sendable {
    let server: ID<Server>
    let name: String
    let project: String
    let flavor: String
    let vcpus: Int
    let memory: Int
    let disk: Int
    let state: ServerState
    let started: Moment
    let ended: Moment?
}

/// A project's servers and their sum.
struct ProjectUse: Sendable {
    let project: String
    var servers: [(use: ServerUse, hours: Double)] = []
    var hours = 0.0
    var vcpuHours = 0.0
    var memoryHours = 0.0
    var diskHours = 0.0

    init(project: String) { self.project = project }

    mutating func add(_ use: ServerUse, hours more: Double) {
        servers.append((use: use, hours: more))
        hours += more
        vcpuHours += Double(use.vcpus) * more
        memoryHours += Double(use.memory) * more
        diskHours += Double(use.disk) * more
    }

    func write(to json: inout JSONWriter, _ period: Period, isDetailed: Bool) {
        json.put("tenant_id", project)
        json.put("start", period.start, as: .bare)
        json.put("stop", period.end, as: .bare)
        json.put("total_hours", hours)
        json.put("total_vcpus_usage", vcpuHours)
        json.put("total_memory_mb_usage", memoryHours)
        json.put("total_local_gb_usage", diskHours)
        guard isDetailed else { return }
        json.array("server_usages", of: servers) { server, json in
            json.object { server.use.write(to: &$0, hours: server.hours, now: period.now) }
        }
    }
}

extension ServerUse {
    fileprivate func write(to json: inout JSONWriter, hours: Double, now: Moment) {
        json.put("instance_id", server)
        json.put("name", name)
        json.put("tenant_id", project)
        json.put("flavor", flavor)
        json.put("vcpus", vcpus)
        json.put("memory_mb", memory)
        json.put("local_gb", disk)
        json.put("hours", hours)
        json.put("started_at", started, as: .bare)
        json.put("ended_at", ended, as: .bare)
        json.put("state", ended == nil ? state.rawValue : "terminated")
        json.put("uptime", ((ended ?? now) - started).microseconds / 1_000_000)
    }
}

extension Transaction {
    /// Servers that ran in a period, in the order in which they were made.
    func serverUses(_ period: Period, project: String?) throws(Failure) -> [ServerUse] {
        let whose: SQL = project.map { "project_id = \($0)" } ?? "1 = 1"
        return try rows(
            """
            SELECT * FROM compute_server WHERE \(whose) AND launched_at IS NOT NULL AND launched_at < \(period.end)
                AND (terminated_at IS NULL OR terminated_at > \(period.start)) ORDER BY position
            """
        ) { row throws(Failure) in
            let flavor = try Flavor(JSONReader.read(try row.text("flavor")))
            return ServerUse(
                server: try row.id("id"), name: try row.text("name"), project: try row.text("project_id"),
                flavor: flavor.name, vcpus: flavor.vcpus, memory: flavor.memory,
                disk: flavor.disk + flavor.ephemeral, state: try row.value("state"),
                started: try row.moment("launched_at"), ended: try row.optionalMoment("terminated_at"))
        }
    }
}
