import Base
import SQL

extension ImageTask {
    static let created = Migration(
        "create image_task",
        """
        CREATE TABLE image_task (
            id         VARCHAR(36) NOT NULL PRIMARY KEY,
            kind       VARCHAR(32) NOT NULL,
            status     VARCHAR(16) NOT NULL,
            owner      VARCHAR(255),
            image_id   VARCHAR(36),
            user_id    VARCHAR(64),
            request_id VARCHAR(64),
            input      MEDIUMTEXT  NOT NULL,
            result     MEDIUMTEXT  NOT NULL,
            message    MEDIUMTEXT  NOT NULL,
            expires_at BIGINT,
            created_at BIGINT      NOT NULL,
            updated_at BIGINT      NOT NULL
        )
        """,
        "CREATE INDEX image_task_by_image ON image_task (image_id)",
        "CREATE INDEX image_task_by_status ON image_task (status)",
        "CREATE INDEX image_task_by_expiry ON image_task (expires_at)")

    init(_ row: borrowing Row) throws(Failure) {
        self.init(
            id: try row.id("id"), kind: try row.value("kind"), status: try row.value("status"),
            owner: try row.optionalText("owner"), image: try row.optionalID("image_id"),
            user: try row.optionalText("user_id"), request: try row.optionalText("request_id"),
            input: try JSONReader.read(row.text("input")), result: try JSONReader.read(row.text("result")),
            message: try row.text("message"), expires: try row.optionalMoment("expires_at"),
            created: try row.moment("created_at"), updated: try row.moment("updated_at"))
    }
}

extension Transaction {
    /// Notes a task. What has expired by now is forgotten at the same time, so that the table does not grow for ever.
    func insert(_ task: ImageTask) throws(Failure) {
        try run("DELETE FROM image_task WHERE expires_at < \(task.created)")
        try insert(
            into: "image_task",
            [
                "id": task.id, "kind": task.kind, "status": task.status, "owner": task.owner, "image_id": task.image,
                "user_id": task.user, "request_id": task.request, "input": task.input.text,
                "result": task.result.text, "message": task.message, "expires_at": task.expires,
                "created_at": task.created, "updated_at": task.updated,
            ])
    }

    func update(_ task: ImageTask) throws(Failure) {
        try run(
            """
            UPDATE image_task SET status = \(task.status), result = \(task.result.text), message = \(task.message),
                expires_at = \(task.expires), updated_at = \(task.updated)
            WHERE id = \(task.id)
            """)
    }

    func tasks(of image: ID<Image>) throws(Failure) -> [ImageTask] {
        try rows("SELECT * FROM image_task WHERE image_id = \(image) ORDER BY created_at, id")
    }

    func task(_ id: ID<ImageTask>) throws(Failure) -> ImageTask {
        guard let task: ImageTask = try row("SELECT * FROM image_task WHERE id = \(id)") else {
            throw Failure(.notFound, "No task found with ID \(id)")
        }
        return task
    }

    /// Tasks whose process has ended before them.
    func failUnfinishedTasks(_ condition: SQL, at now: Moment) throws(Failure) {
        let unfinished: [ImageTask] = try rows(
            "SELECT * FROM image_task WHERE status IN ('pending', 'processing') AND \(condition)")
        for var task in unfinished {
            task.end(.failure, "The service was stopped before this was done. Please import again.", at: now)
            try update(task)
        }
    }
}
