import API
import Base
import Bus
import Contracts
import SQL
import Workflow

extension Call<Compute> {
    /// Gives a server a task and starts the work on it in one transaction, unless its state or another task is in the way.
    ///
    /// - Parameter states: from which it may start; from any when there are none.
    @discardableResult
    func begin<W: Workflow>(
        _ action: String, on id: ID<Server>, from states: [ServerState], as task: ServerTask?, _ workflow: W.Type,
        change: @escaping @Sendable (inout Server, Transaction) throws -> Void = { _, _ in },
        _ state: @escaping @Sendable (Server) -> W.State
    ) async throws(Failure) -> (server: Server, run: ID<Run>) {
        let service = service
        return try await service.database.write { tx in
            let server = try tx.change(id, at: service.world.now) { server in
                try server.allow(action, from: states)
                server.task = task
                try change(&server, tx)
            }
            if ServerEvent.wordsBesideActions.contains(action) {
                try tx.note(action, on: id, self, at: service.world.now)
            }
            let run = try service.runner.start(workflow, about: id.text, state(server), tx)
            return (server, run)
        }
    }
}

extension Server {
    /// Refuses what the server's state, or what is being done with it, doesn't allow.
    func allow(_ action: String, from states: [ServerState]) throws(Failure) {
        guard states.isEmpty || states.contains(state) else {
            throw .conflict("Cannot '\(action)' instance \(id) while it is in vm_state \(state.rawValue)")
        }
        guard task == nil else {
            throw .conflict("Cannot '\(action)' instance \(id) while it is in task_state \(task?.rawValue ?? "")")
        }
    }
}

extension Compute {
    /// Waits for work whose outcome is the answer to a request: for all of it, or for its first step.
    func outcome(of run: ID<Run>, limit: Duration, upTo step: String? = nil) async throws(Failure) -> Run {
        let end = world.now + limit
        var pause = Duration.milliseconds(2)
        while true {
            let found = try await database.read { try $0.run(run) }
            guard let found else { throw .bug("A run that was just started is not there.") }
            switch found.direction {
            case .done: return found
            case .undone, .stuck:
                let kind = Failure.Kind.allCases.first { String(describing: $0) == found.failureKind } ?? .bug
                throw Failure(kind, found.failure ?? "")
            case .forward where step != nil && found.step != step: return found
            case .forward, .undoing: break
            }
            guard world.now < end else { throw Failure(.timedOut, "It takes longer than \(limit).") }
            do { try await world.clock.sleep(for: pause) } catch { throw Failure(error) }
            pause = min(pause * 2, .milliseconds(100))
        }
    }
}

extension ServerTools {
    /// Tells a host to make a server as it is described, and waits for its report.
    func build(_ id: ID<Server>, on host: String) async throws -> [Interface] {
        let report = try await reports.wait(for: id.text, limit: settings.buildLimit, clock: world.clock) {
            try await bus.cast(ComputeMessages.build, on: host, ServerReference(server: id.text))
        }
        if let failure = report.failure {
            throw report.mayRetry ? Failure.unavailable(failure) : Failure.invalid(failure)
        }
        return try (report.interfaces.array ?? []).map { try Interface($0) }
    }

    /// Tells a host to write a server's disk to an image. A large one takes long, and a lost message must not: so the host
    /// is told again as long as it is silent, and does it once. The step's own limit ends this.
    func write(_ image: String, of id: ID<Server>, on host: String) async throws {
        let order = SnapshotOrder(server: id.text, image: image)
        try await tell(image) { try await bus.cast(ComputeMessages.snapshot, on: host, order) }
    }

    /// Brings the disks of a server that rests to another host, if it has any to bring. A large one takes long: the host is
    /// told again as long as it is silent, and does it once. The step's own limit ends this.
    func carryDisks(of id: ID<Server>, from source: String, to host: String) async throws {
        let lent = try await bus.call(
            ComputeMessages.lendDisks, on: source, ServerReference(server: id.text), deadline: .seconds(60))
        guard !lent.isNull else { return }
        let order = DiskOrder(server: id.text, loan: try DiskLoan(lent))
        try await tell(DiskOrder.report(of: id.text)) {
            try await bus.cast(ComputeMessages.borrowDisks, on: host, order)
        }
        try await endLoan(of: id, on: source)
    }

    /// Sends a running guest from one host to another, and comes back when it runs there.
    func send(_ id: ID<Server>, from source: String, to host: String) async throws {
        let reference = ServerReference(server: id.text)
        let guest = try await bus.call(ComputeMessages.showGuest, on: source, reference, deadline: .seconds(60))
        try await announcePorts(of: id, to: host)
        let expected = try await bus.call(
            ComputeMessages.expectGuest, on: host, GuestOrder(server: id.text, guest: guest), deadline: .seconds(300))
        if !expected.isNull {
            let order = SendOrder(server: id.text, landing: try Landing(expected))
            try await tell(SendOrder.report(of: id.text)) {
                try await bus.cast(ComputeMessages.sendGuest, on: source, order)
            }
        }
        _ = try await bus.call(ComputeMessages.receiveGuest, on: host, reference, deadline: .seconds(60))
    }

    /// Tells a host again as long as it is silent, and waits for its report. The step's own limit ends this.
    private func tell(_ report: String, _ cast: @escaping @Sendable () async throws -> Void) async throws {
        while true {
            do throws(Failure) {
                let told = try await reports.wait(
                    for: report, limit: .seconds(60), clock: world.clock, after: cast, ifSilent: .timedOut)
                if let failure = told.failure { throw Failure.unavailable(failure) }
                return
            } catch  where error.kind == .timedOut {
                try Task.checkCancellation()
            }
        }
    }

    func endLoan(of id: ID<Server>, on host: String) async throws(Failure) {
        _ = try await bus.call(
            ComputeMessages.endLoan, on: host, ServerReference(server: id.text), deadline: .seconds(60))
    }

    func order(_ verb: PowerOrder.Verb, _ id: ID<Server>, on host: String) async throws(Failure) -> GuestState {
        try await bus.call(
            ComputeMessages.power, on: host, PowerOrder(server: id.text, verb: verb), deadline: .seconds(300))
    }

    /// Takes the guest away and leaves its ports.
    func dismantle(_ id: ID<Server>, on host: String) async throws(Failure) {
        _ = try await bus.call(
            ComputeMessages.dismantle, on: host, ServerReference(server: id.text), deadline: .seconds(300))
    }

    @discardableResult
    func change(_ id: ID<Server>, _ body: @escaping @Sendable (inout Server) throws -> Void) async throws(Failure)
        -> Server
    {
        let now = world.now
        return try await database.write { tx in try tx.change(id, at: now, body) }
    }

    func server(_ id: ID<Server>) async throws(Failure) -> Server { try await database.read { try $0.server(id) } }

    /// Says with the server what went wrong. A server that is being deleted is left to those who do it.
    func note(_ failure: Failure, at id: ID<Server>, _ body: @escaping @Sendable (inout Server) -> Void) async throws {
        let now = world.now
        try await database.write { tx in
            guard try !tx.hasRuns(of: DeleteServer.name, about: id.text) else { return }
            try tx.change(id, at: now) { server in
                server.task = nil
                server.fault = Server.Fault(code: 500, message: failure.message, created: now)
                body(&server)
            }
        }
    }

    /// A token in the name of the server's user, for what is theirs.
    func token(of server: Server) async throws(Failure) -> String {
        try await tokens.token(user: server.user, project: server.project)
    }
}

extension GuestState {
    /// What a server is whose guest is so.
    var serverState: ServerState {
        switch self {
        case .none, .shutDown, .crashed: .stopped
        case .running: .active
        case .paused: .paused
        case .suspended: .suspended
        }
    }
}
