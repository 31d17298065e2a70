import API
import Base
import SQL

extension Consumer {
    static let created = Migration(
        "create oauth_consumer",
        """
        CREATE TABLE oauth_consumer (
            id          VARCHAR(64) NOT NULL PRIMARY KEY,
            description MEDIUMTEXT,
            secret      MEDIUMTEXT  NOT NULL,
            extra       MEDIUMTEXT  NOT NULL
        )
        """)

    init(_ row: borrowing Row) throws(Failure) {
        self.init(
            id: try row.id("id"), description: try row.optionalText("description"), secret: try row.sealed("secret"),
            extra: try row.extra("extra"))
    }
}

extension Transaction {
    func consumers(_ query: Parameters) throws(Failure) -> Page<Consumer> {
        try page("SELECT * FROM oauth_consumer WHERE 1 = 1", query)
    }

    func consumer(_ id: ID<Consumer>) throws(Failure) -> Consumer {
        guard let consumer: Consumer = try row("SELECT * FROM oauth_consumer WHERE id = \(id)") else {
            throw .notFound(Consumer.one, id.text)
        }
        return consumer
    }

    func insert(_ consumer: Consumer) throws(Failure) {
        try insert(
            into: "oauth_consumer",
            [
                "id": consumer.id, "description": consumer.description, "secret": consumer.secret,
                "extra": consumer.extra,
            ])
    }

    func update(_ consumer: Consumer) throws(Failure) {
        try run(
            """
            UPDATE oauth_consumer SET description = \(consumer.description), extra = \(consumer.extra)
            WHERE id = \(consumer.id)
            """)
    }

    /// With all that users lent it.
    func deleteConsumer(_ id: ID<Consumer>) throws(Failure) {
        _ = try consumer(id)
        try run("DELETE FROM oauth_request_token WHERE consumer_id = \(id)")
        try deleteAccessTokens("consumer_id = \(id)")
        try run("DELETE FROM oauth_consumer WHERE id = \(id)")
    }
}
