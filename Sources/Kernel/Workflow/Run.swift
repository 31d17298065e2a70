package import Base
package import SQL

/// Where a run of a workflow stands: the row that is saved.
package struct Run: Record, Sendable {
    package enum Direction: String, Sendable { case forward, undoing, done, undone, stuck }

    package let id: ID<Run>
    package let workflow: String
    /// The thing that it is about: a server's id.
    package let subject: String
    package let requestID: String
    package var state: JSON
    /// The step that comes next, by name, so that a list of steps may grow between versions.
    package var step: String
    package var direction = Direction.forward
    package var failure: String?
    package var failureKind: String?
    package var retries = 0
    /// While undoing for another try: the step from which to go forward again.
    var turnsAt: String?
    /// Failed tries of the current undo.
    var attempts = 0
    package var isCancelled = false
    package let started: Moment
    /// When the current step began.
    package var stepStarted: Moment
    var holder: String?
    var heldUntil: Moment

    package var isOver: Bool { direction == .done || direction == .undone || direction == .stuck }
}

extension Run {
    package static let created = Migration(
        "create workflow run",
        """
        CREATE TABLE workflow_run (
            id           VARCHAR(64)  NOT NULL PRIMARY KEY,
            workflow     VARCHAR(64)  NOT NULL,
            subject      VARCHAR(255) NOT NULL,
            request_id   VARCHAR(64)  NOT NULL,
            state        MEDIUMTEXT   NOT NULL,
            step         VARCHAR(255) NOT NULL,
            direction    VARCHAR(16)  NOT NULL,
            failure      MEDIUMTEXT,
            failure_kind VARCHAR(32),
            retries      BIGINT       NOT NULL,
            turns_at     VARCHAR(255),
            attempts     BIGINT       NOT NULL,
            cancelled    BOOLEAN      NOT NULL,
            started_at   BIGINT       NOT NULL,
            step_started_at BIGINT    NOT NULL,
            holder       VARCHAR(64),
            held_until   BIGINT       NOT NULL
        )
        """,
        "CREATE INDEX workflow_run_by_direction ON workflow_run (direction, held_until)",
        "CREATE INDEX workflow_run_by_subject ON workflow_run (subject)",
        """
        CREATE TABLE span (
            position   \(.serial),
            subject    VARCHAR(255) NOT NULL,
            trace      BIGINT       NOT NULL,
            id         BIGINT       NOT NULL,
            parent     BIGINT,
            request_id VARCHAR(64)  NOT NULL,
            name       VARCHAR(255) NOT NULL,
            kind       VARCHAR(16)  NOT NULL,
            actor      VARCHAR(64)  NOT NULL,
            start_at   BIGINT       NOT NULL,
            duration   BIGINT       NOT NULL,
            failure    MEDIUMTEXT
        )
        """,
        "CREATE INDEX span_by_subject ON span (subject, start_at)",
        "CREATE INDEX span_by_request ON span (request_id)")

    package init(_ row: borrowing Row) throws(Failure) {
        self.init(
            id: try row.id("id"), workflow: try row.text("workflow"), subject: try row.text("subject"),
            requestID: try row.text("request_id"), state: try JSONReader.read(try row.text("state")),
            step: try row.text("step"), direction: try row.value("direction"), failure: try row.optionalText("failure"),
            failureKind: try row.optionalText("failure_kind"), retries: try row.integer("retries"),
            turnsAt: try row.optionalText("turns_at"), attempts: try row.integer("attempts"),
            isCancelled: try row.bool("cancelled"), started: try row.moment("started_at"),
            stepStarted: try row.moment("step_started_at"), holder: try row.optionalText("holder"),
            heldUntil: try row.moment("held_until"))
    }
}

extension Transaction {
    func insert(_ run: Run) throws(Failure) {
        try insert(
            into: "workflow_run",
            [
                "id": run.id, "workflow": run.workflow, "subject": run.subject, "request_id": run.requestID,
                "state": run.state.text, "step": run.step, "direction": run.direction.rawValue, "retries": run.retries,
                "attempts": run.attempts, "cancelled": run.isCancelled, "started_at": run.started,
                "step_started_at": run.stepStarted, "holder": run.holder, "held_until": run.heldUntil,
            ])
    }

    /// Saves where a run stands, if it is still ours; tells whether somebody wants it cancelled.
    func save(_ run: Run, holder: String) throws(Failure) -> Bool {
        let met = try self.run(
            """
            UPDATE workflow_run SET state = \(run.state.text), step = \(run.step), direction = \(run.direction.rawValue),
                failure = \(run.failure), failure_kind = \(run.failureKind), retries = \(run.retries),
                turns_at = \(run.turnsAt), attempts = \(run.attempts), step_started_at = \(run.stepStarted),
                held_until = \(run.heldUntil)
            WHERE id = \(run.id) AND holder = \(holder)
            """)
        guard met == 1 else { throw .unavailable("Run \(run.id) of \(run.workflow) was taken over.") }
        return try exists("SELECT 1 FROM workflow_run WHERE id = \(run.id) AND cancelled = \(true)")
    }

    /// Runs that nobody works on: their holder is gone, or waits and has let them go until now.
    func abandonedRuns(of workflows: [String], at now: Moment, limit: Int) throws(Failure) -> [Run] {
        try rows(
            """
            SELECT * FROM workflow_run
            WHERE direction IN ('forward', 'undoing') AND held_until <= \(now) AND workflow IN \(SQL.list(workflows))
            ORDER BY held_until LIMIT \(limit)
            """)
    }

    /// Takes a run over, unless somebody else was quicker.
    func claim(_ run: Run, holder: String, until: Moment) throws(Failure) -> Bool {
        try self.run(
            """
            UPDATE workflow_run SET holder = \(holder), held_until = \(until)
            WHERE id = \(run.id) AND held_until = \(run.heldUntil)
            """) == 1
    }

    /// Lets this process work at once on what its predecessor of the same name held.
    func releaseRuns(of holder: String) throws(Failure) {
        try run(
            "UPDATE workflow_run SET held_until = 0 WHERE holder = \(holder) AND direction IN ('forward', 'undoing')")
    }

    // MARK: For services

    package func run(_ id: ID<Run>) throws(Failure) -> Run? { try row("SELECT * FROM workflow_run WHERE id = \(id)") }

    package func runs(about subject: String) throws(Failure) -> [Run] {
        try rows("SELECT * FROM workflow_run WHERE subject = \(subject) ORDER BY started_at, id")
    }

    package func runs(_ direction: Run.Direction) throws(Failure) -> [Run] {
        try rows("SELECT * FROM workflow_run WHERE direction = \(direction.rawValue) ORDER BY started_at LIMIT 1000")
    }

    /// Asks the runs about something to stop where they are and undo what they did.
    package func cancelRuns(of workflow: String, about subject: String) throws(Failure) {
        try run(
            """
            UPDATE workflow_run SET cancelled = \(true)
            WHERE workflow = \(workflow) AND subject = \(subject) AND direction = 'forward'
            """)
    }

    /// Whether anything is done about a thing, or for a request, just now.
    package func isUnderWay(_ subjectOrRequest: String) throws(Failure) -> Bool {
        try exists(
            """
            SELECT 1 FROM workflow_run
            WHERE (subject = \(subjectOrRequest) OR request_id = \(subjectOrRequest))
                AND direction IN ('forward', 'undoing')
            """)
    }

    package func hasRuns(of workflow: String, about subject: String) throws(Failure) -> Bool {
        try exists(
            """
            SELECT 1 FROM workflow_run
            WHERE workflow = \(workflow) AND subject = \(subject) AND direction IN ('forward', 'undoing')
            """)
    }
}
