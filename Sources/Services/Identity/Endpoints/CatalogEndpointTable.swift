import API
import Base
import SQL

extension CatalogEndpoint {
    static let created = Migration(
        "create endpoint",
        """
        CREATE TABLE endpoint (
            id         VARCHAR(64) NOT NULL PRIMARY KEY,
            interface  VARCHAR(8)  NOT NULL,
            region_id  VARCHAR(255),
            service_id VARCHAR(64) NOT NULL,
            url        MEDIUMTEXT  NOT NULL,
            enabled    BOOLEAN     NOT NULL,
            extra      MEDIUMTEXT  NOT NULL,
            FOREIGN KEY (region_id) REFERENCES region (id),
            FOREIGN KEY (service_id) REFERENCES service (id)
        )
        """)

    static let filters: [Filter] = [
        .text("interface", "interface"), .text("service_id", "service_id"), .text("region_id", "region_id"),
    ]

    init(_ row: borrowing Row) throws(Failure) {
        self.init(
            id: try row.id("id"), interface: try row.value("interface"), region: try row.optionalID("region_id"),
            service: try row.id("service_id"), url: try row.text("url"), isEnabled: try row.bool("enabled"),
            extra: try row.extra("extra"))
    }
}

extension Transaction {
    func endpoints(_ query: Parameters) throws(Failure) -> [CatalogEndpoint] {
        try rows("SELECT * FROM endpoint WHERE \(CatalogEndpoint.filters.condition(query)) ORDER BY id")
    }

    func endpoint(_ id: ID<CatalogEndpoint>) throws(Failure) -> CatalogEndpoint {
        guard let endpoint: CatalogEndpoint = try row("SELECT * FROM endpoint WHERE id = \(id)") else {
            throw .notFound(CatalogEndpoint.one, id.text)
        }
        return endpoint
    }

    func insert(_ endpoint: CatalogEndpoint) throws(Failure) {
        try requirePlace(of: endpoint)
        try insert(
            into: "endpoint",
            [
                "id": endpoint.id, "interface": endpoint.interface.rawValue, "region_id": endpoint.region,
                "service_id": endpoint.service, "url": endpoint.url, "enabled": endpoint.isEnabled,
                "extra": endpoint.extra,
            ])
    }

    func update(_ endpoint: CatalogEndpoint) throws(Failure) {
        try requirePlace(of: endpoint)
        try run(
            """
            UPDATE endpoint SET interface = \(endpoint.interface.rawValue), region_id = \(endpoint.region),
                service_id = \(endpoint.service), url = \(endpoint.url), enabled = \(endpoint.isEnabled),
                extra = \(endpoint.extra)
            WHERE id = \(endpoint.id)
            """)
    }

    func deleteEndpoint(_ id: ID<CatalogEndpoint>) throws(Failure) {
        _ = try endpoint(id)
        try run("DELETE FROM project_endpoint WHERE endpoint_id = \(id)")
        try deleteAssociations(of: id)
        try run("DELETE FROM endpoint WHERE id = \(id)")
    }

    /// What an endpoint refers to has to be there: a body that names something else is at fault, not the path.
    private func requirePlace(of endpoint: CatalogEndpoint) throws(Failure) {
        guard try exists("SELECT 1 FROM service WHERE id = \(endpoint.service)") else {
            throw .invalid("Could not find service: \(endpoint.service).")
        }
        guard let region = endpoint.region else { return }
        guard try exists("SELECT 1 FROM region WHERE id = \(region)") else {
            throw .invalid("Could not find region: \(region).")
        }
    }
}

extension Transaction {
    /// The older field `region` makes the region that it names; `region_id` has to name one that is there.
    func ensureRegion(namedIn body: JSON.Object) throws(Failure) {
        guard !body.has("region_id"), let id: ID<Region> = body.id("region") else { return }
        guard try !exists("SELECT 1 FROM region WHERE id = \(id)") else { return }
        try insert(Region(id: id, description: "", parent: nil, extra: Extra()))
    }
}
