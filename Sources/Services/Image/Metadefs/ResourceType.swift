import API
import Base
import HTTP
import Policy
import SQL

/// A kind of things that metadata may be defined for.
struct ResourceType: Record {
    let name: String
    let created: Moment
    let updated: Moment

    /// Those that every cloud has.
    private static let usual = [
        "OS::Cinder::Volume", "OS::Glance::Image", "OS::Nova::Aggregate", "OS::Nova::Flavor", "OS::Nova::Server",
        "OS::Trove::Instance",
    ]

    static let created = Migration(
        "create image_resource_type",
        """
        CREATE TABLE image_resource_type (
            name         VARCHAR(80) NOT NULL PRIMARY KEY,
            is_protected BOOLEAN     NOT NULL,
            created_at   BIGINT      NOT NULL,
            updated_at   BIGINT      NOT NULL
        )
        """)

    static let endpoints: [Endpoint<ImageService>] = [
        .get(
            "/metadefs/resource_types", "List kinds of things that metadata is for",
            may: Definition.Kind.association.rules.list, list)
    ]

    private static func list(_ call: Call<ImageService>) async throws(Failure) -> Reply {
        let types: [ResourceType] = try await call.service.database.read {
            try $0.rows("SELECT * FROM image_resource_type ORDER BY name")
        }
        return .json { json in
            json.array("resource_types", of: types) { type, json in
                json.object {
                    $0.put("name", type.name)
                    $0.put("created_at", type.created, as: .seconds)
                    $0.put("updated_at", type.updated, as: .seconds)
                }
            }
        }
    }

    static func ensureUsual(_ tx: Transaction, at now: Moment) throws(Failure) {
        for name in usual { try tx.ensureResourceType(name, isProtected: true, at: now) }
    }
}

extension ResourceType {
    init(_ row: borrowing Row) throws(Failure) {
        self.init(
            name: try row.text("name"), created: try row.moment("created_at"), updated: try row.moment("updated_at"))
    }
}

extension Transaction {
    func ensureResourceType(_ name: String, isProtected: Bool, at now: Moment) throws(Failure) {
        try run(
            """
            INSERT INTO image_resource_type (name, is_protected, created_at, updated_at)
            VALUES (\(name), \(isProtected), \(now), \(now)) \(.onConflict(["name"]))
            """)
    }
}
