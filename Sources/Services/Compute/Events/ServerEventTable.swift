import API
import Base
import Policy
import SQL
import Trace
import Workflow

extension ServerEvent: Record {
    static let created = Migration(
        "create server event",
        """
        CREATE TABLE compute_server_event (
            position   \(.serial),
            server_id  VARCHAR(64)  NOT NULL,
            request_id VARCHAR(64)  NOT NULL,
            action     VARCHAR(64)  NOT NULL,
            user_id    VARCHAR(255) NOT NULL,
            project_id VARCHAR(255) NOT NULL,
            start_at   BIGINT       NOT NULL
        )
        """,
        "CREATE INDEX compute_server_event_by_server ON compute_server_event (server_id, position)")

    init(_ row: borrowing Row) throws(Failure) {
        let started = try row.moment("start_at")
        self.init(
            server: try row.id("server_id"), request: try row.text("request_id"), action: try row.text("action"),
            user: try row.text("user_id"), project: try row.text("project_id"), started: started, updated: started)
    }
}

extension Transaction {
    /// Notes that something is done with a server. Called where it is decided, in the same transaction.
    func note(_ action: String, on server: ID<Server>, _ call: Call<Compute>, at now: Moment) throws(Failure) {
        try insert(
            into: "compute_server_event",
            [
                "server_id": server, "request_id": call.exchange.requestID, "action": action,
                "user_id": call.caller.user.id, "project_id": call.caller.projectID ?? "", "start_at": now,
            ])
    }

    /// What was done with a server, the newest first.
    func serverEvents(of server: ID<Server>) throws(Failure) -> [ServerEvent] {
        var events: [ServerEvent] = try rows(
            "SELECT * FROM compute_server_event WHERE server_id = \(server) ORDER BY position DESC")
        let runs = Dictionary(grouping: try runs(about: server.text), by: \.requestID)
        let ends = try lastSteps(about: server.text)
        for index in events.indices {
            let request = events[index].request
            events[index].hasFailed = runs[request]?.contains { $0.failure != nil && $0.direction != .done } ?? false
            if let end = ends[request] { events[index].updated = max(end, events[index].started) }
        }
        return events
    }

    /// The steps of what one request did with a server: those that are over, and the one that is under way.
    func serverSteps(of server: ID<Server>, in request: String) throws(Failure) -> [ServerStep] {
        let spans = try spans(about: server.text, of: request).filter { $0.kind == .step }
        let under = try runs(about: server.text).filter { $0.requestID == request && !$0.isOver }
        return spans.map(ServerStep.init) + under.map(ServerStep.init)
    }
}
