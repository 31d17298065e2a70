import API
package import Base
package import Bus
package import Contracts
import HTTP
import Policy
package import SQL
package import Trace
package import Workflow

/// The role that alone has compute's database: it answers the nodes, and carries out what takes long.
package struct Conductor: Sendable {
    package let runner: WorkflowRunner
    private let tools: ServerTools
    private let scheduler: Scheduler

    package init(
        database: Database, world: World, log: Log, bus: any Bus, neighbours: Compute.Neighbours,
        tokens: any TokenIssuer, settings: ComputeSettings, name: String, tell: (@Sendable () -> Void)? = nil,
        fault: @escaping WorkflowRunner.Fault = { _, _ in }
    ) {
        tools = ServerTools(
            database: database, world: world, bus: bus, neighbours: neighbours, tokens: tokens, settings: settings,
            reports: BuildReports())
        scheduler = Scheduler(
            database: database, world: world, placement: neighbours.placement, tokens: tokens, settings: settings,
            log: log)
        runner = WorkflowRunner(
            Compute.workflows(tools), name: name, database: database, world: world, log: log, tell: tell, fault: fault)
    }

    /// From now on answers what is asked of the scheduler.
    package func schedule() {
        let scheduler = scheduler
        tools.bus.serve(ComputeMessages.choose) { try await scheduler.choose($0) }
    }

    /// From now on answers what is asked of the conductor.
    package func serve() {
        let (tools, runner) = (tools, runner)
        tools.bus.serve(ComputeMessages.describe) { reference in
            let server = try await tools.database.read(to: "read the server") { try $0.server(ID(reference.server)) }
            guard server.host == reference.host || server.particulars.headedFor == reference.host else {
                throw Failure.conflict("Instance \(server.id) is not to be on \(reference.host ?? "an unnamed host").")
            }
            return server.told
        }
        tools.bus.serve(ComputeMessages.built) { report in
            // Another conductor may be the one that waits for it.
            if !tools.reports.put(report) { try await tools.bus.fanout(ComputeMessages.builtSomewhere, report) }
            return Nothing()
        }
        tools.bus.serve(ComputeMessages.builtSomewhere) { report in
            tools.reports.put(report)
            return Nothing()
        }
        tools.bus.serve(ToldStory.message) { story in
            try await runner.keep(story.spans, of: story.requestID)
            return Nothing()
        }
        tools.bus.serve(ComputeMessages.keepPassword) { told in
            try await tools.keep(told)
            return Nothing()
        }
        tools.bus.serve(WorkMessages.begun) { _ in
            runner.nudge()
            return Nothing()
        }
        tools.bus.serve(ComputeMessages.heartbeat) { report in
            try await tools.note(report)
            return Nothing()
        }
    }
}

extension ServerTools {
    /// Only the first of two that come at once is kept: whoever can read it knows that it was the guest's first word.
    fileprivate func keep(_ told: GuestPassword) async throws(Failure) {
        let now = world.now
        try await database.write { tx in
            try tx.change(ID(told.server), at: now) { server in
                guard server.particulars.password.isEmpty else {
                    throw Failure.conflict("Instance \(server.id) has a password already.")
                }
                server.particulars.password = told.password
            }
            return
        }
    }

    /// A node's sign of life: what it has goes to placement, and how its guests are to their servers.
    fileprivate func note(_ report: NodeReport) async throws(Failure) {
        let (settings, world) = (settings, world)
        let (host, isNew, strays) = try await database.write { tx in
            for role in ["nova-conductor", "nova-scheduler"] {
                try tx.note(role: role, on: settings.machine, world: world)
            }
            let known = try tx.computeHosts("compute_host.name = \(report.host)").first
            let host = try tx.note(report, zone: known?.zone ?? settings.defaultZone, world: world)
            try tx.follow(report, at: world.now)
            return (
                host, known.map { $0.vcpus != host.vcpus || $0.memory != host.memory || $0.disk != host.disk } ?? true,
                try tx.strays(among: report)
            )
        }
        if isNew { try await offer(host) }
        // Nothing should make a guest of a server that is gone, or is elsewhere. If something did, it doesn't stay.
        for server in strays {
            try await bus.cast(ComputeMessages.tidy, on: report.host, ServerReference(server: server.id.text))
        }
    }

    /// Tells placement what a host has to give.
    private func offer(_ host: ComputeHost) async throws(Failure) {
        let token = try await tokens.serviceToken()
        let newer: HTTPHeaders = ["OpenStack-API-Version": "placement 1.36"]
        do throws(Failure) {
            _ = try await neighbours.placement.ask(
                "POST", "/resource_providers", ["name": .string(host.name), "uuid": .string(host.provider)],
                token: token,
                headers: newer)
        } catch  where error.kind == .conflict {
            // It is there already, from an earlier start.
        }
        let provider = try await neighbours.placement.ask(
            "GET", "/resource_providers/\(host.provider)", token: token, headers: newer
        ).json
        let inventory = { (total: Int, ratio: JSON, reserved: Int) -> JSON in
            [
                "total": JSON(total), "allocation_ratio": ratio, "reserved": JSON(reserved), "min_unit": 1,
                "max_unit": JSON(total), "step_size": 1,
            ]
        }
        let body: JSON = [
            "resource_provider_generation": provider["generation"] ?? 0,
            "inventories": [
                "VCPU": inventory(host.vcpus, 16.0, 0), "MEMORY_MB": inventory(host.memory, 1.5, 512),
                "DISK_GB": inventory(max(host.disk, 1), 1.0, 0),
            ],
        ]
        _ = try await neighbours.placement.ask(
            "PUT", "/resource_providers/\(host.provider)/inventories", body, token: token, headers: newer)
    }
}

extension Transaction {
    /// The servers that have a guest on a host and are not to have one there.
    func strays(among report: NodeReport) throws(Failure) -> [Server] {
        let guests = report.guests.object?.members.map(\.name) ?? []
        guard !guests.isEmpty else { return [] }
        let servers: [Server] = try rows(
            """
            SELECT * FROM compute_server WHERE id IN \(SQL.list(guests))
                AND (state = 'deleted' OR task IS NULL AND (host IS NULL OR host <> \(report.host)))
            """)
        return servers.filter {
            $0.state == .deleted || $0.particulars.before == nil && $0.particulars.headedFor == nil
        }
    }

    /// A server whose guest was switched off, or died, is not shown as running. What is being worked on is left alone.
    fileprivate func follow(_ report: NodeReport, at now: Moment) throws {
        let servers: [Server] = try rows(
            """
            SELECT * FROM compute_server WHERE host = \(report.host) AND task IS NULL
                AND state IN ('active', 'stopped', 'paused', 'suspended')
            """
        )
        for server in servers {
            guard let number = report.guests[server.id.text]?.integer, let power = GuestState(rawValue: Int(number))
            else { continue }
            let state = power.rest ?? server.state
            guard power != server.power || state != server.state else { continue }
            try change(server.id, at: now) { server in
                server.power = power
                server.state = state
            }
        }
    }
}

extension GuestState {
    /// What a server is whose guest is found so, and that nobody is at work on.
    fileprivate var rest: ServerState? {
        switch self {
        case .running: .active
        case .paused: .paused
        case .suspended: .suspended
        case .shutDown, .crashed: .stopped
        case .none: nil
        }
    }
}
