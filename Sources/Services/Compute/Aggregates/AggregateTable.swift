import API
import Base
import SQL

extension Aggregate: Record {
    static let created = Migration(
        "create aggregate",
        """
        CREATE TABLE compute_aggregate (
            position   \(.serial),
            id         VARCHAR(64)  NOT NULL,
            name       VARCHAR(255) NOT NULL,
            metadata   MEDIUMTEXT   NOT NULL,
            created_at BIGINT       NOT NULL,
            updated_at BIGINT,
            UNIQUE (name)
        )
        """,
        """
        CREATE TABLE compute_aggregate_host (
            aggregate BIGINT       NOT NULL,
            host      VARCHAR(255) NOT NULL,
            PRIMARY KEY (aggregate, host)
        )
        """)

    init(_ row: borrowing Row) throws(Failure) {
        self.init(
            number: try row.integer("position"), id: try row.id("id"), name: try row.text("name"),
            metadata: try row.object("metadata"), created: try row.moment("created_at"),
            updated: try row.optionalMoment("updated_at"))
    }
}

extension Transaction {
    func aggregates(_ condition: SQL = "1 = 1") throws(Failure) -> [Aggregate] {
        var aggregates: [Aggregate] = try rows("SELECT * FROM compute_aggregate WHERE \(condition) ORDER BY position")
        guard !aggregates.isEmpty else { return [] }
        let hosts = try rows("SELECT * FROM compute_aggregate_host ORDER BY host") { row in
            (aggregate: try row.integer("aggregate"), host: try row.text("host"))
        }
        let byAggregate = Dictionary(grouping: hosts, by: \.aggregate)
        for index in aggregates.indices {
            aggregates[index].hosts = byAggregate[aggregates[index].number]?.map(\.host) ?? []
        }
        return aggregates
    }

    func aggregate(_ number: Int) throws(Failure) -> Aggregate {
        guard let found = try aggregates("position = \(number)").first else {
            throw .noSuch("Aggregate", "\(number)")
        }
        return found
    }

    func insert(name: String, id: ID<Aggregate>, metadata: JSON.Object, at now: Moment) throws(Failure) -> Aggregate {
        do throws(Failure) {
            let number = try serial(
                .insert(
                    into: "compute_aggregate",
                    ["id": id, "name": name, "metadata": JSON.object(metadata).text, "created_at": now]))
            return Aggregate(number: number, id: id, name: name, metadata: metadata, created: now, updated: nil)
        } catch  where error.kind == .conflict {
            throw .conflict("Aggregate \(name) already exists.")
        }
    }

    func update(_ aggregate: Aggregate) throws(Failure) {
        do throws(Failure) {
            try run(
                """
                UPDATE compute_aggregate SET name = \(aggregate.name),
                    metadata = \(JSON.object(aggregate.metadata).text), updated_at = \(aggregate.updated)
                WHERE position = \(aggregate.number)
                """)
        } catch  where error.kind == .conflict {
            throw .conflict("Aggregate \(aggregate.name) already exists.")
        }
    }

    func deleteAggregate(_ number: Int) throws(Failure) {
        try run("DELETE FROM compute_aggregate_host WHERE aggregate = \(number)")
        try run("DELETE FROM compute_aggregate WHERE position = \(number)")
    }

    func add(_ host: String, to aggregate: Aggregate) throws(Failure) {
        do throws(Failure) {
            try insert(into: "compute_aggregate_host", ["aggregate": aggregate.number, "host": host])
        } catch  where error.kind == .conflict {
            throw .conflict("Aggregate \(aggregate.number) already has host \(host).")
        }
    }

    /// Whether it was there.
    func remove(_ host: String, from aggregate: Aggregate) throws(Failure) -> Bool {
        try run("DELETE FROM compute_aggregate_host WHERE aggregate = \(aggregate.number) AND host = \(host)") > 0
    }
}
