import Base
import SQL

extension Aggregates {
    static let created = Migration(
        "create aggregate membership",
        """
        CREATE TABLE placement_provider_aggregate (
            provider  BIGINT      NOT NULL,
            aggregate VARCHAR(36) NOT NULL,
            PRIMARY KEY (provider, aggregate)
        )
        """,
        "CREATE INDEX placement_provider_aggregate_aggregate ON placement_provider_aggregate (aggregate)")
}

extension Transaction {
    func aggregates(of provider: Provider) throws(Failure) -> [String] {
        try rows(
            """
            SELECT aggregate FROM placement_provider_aggregate WHERE provider = \(provider.number) ORDER BY aggregate
            """
        ) { try $0.text("aggregate") }
    }

    func setAggregates(_ ids: [String], of provider: Provider) throws(Failure) {
        try run("DELETE FROM placement_provider_aggregate WHERE provider = \(provider.number)")
        for id in ids {
            try insert(into: "placement_provider_aggregate", ["provider": provider.number, "aggregate": id])
        }
    }
}
