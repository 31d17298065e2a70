import API
import Base
import SQL

extension CatalogService {
    static let created = Migration(
        "create service",
        """
        CREATE TABLE service (
            id      VARCHAR(64)  NOT NULL PRIMARY KEY,
            type    VARCHAR(255) NOT NULL,
            name    VARCHAR(255),
            enabled BOOLEAN      NOT NULL,
            extra   MEDIUMTEXT   NOT NULL
        )
        """)

    static let filters: [Filter] = [.text("name", "name"), .text("type", "type")]

    init(_ row: borrowing Row) throws(Failure) {
        self.init(
            id: try row.id("id"), type: try row.text("type"), name: try row.optionalText("name"),
            isEnabled: try row.bool("enabled"), extra: try row.extra("extra"))
    }
}

extension Transaction {
    func services(_ query: Parameters) throws(Failure) -> [CatalogService] {
        try rows("SELECT * FROM service WHERE \(CatalogService.filters.condition(query)) ORDER BY id")
    }

    func service(_ id: ID<CatalogService>) throws(Failure) -> CatalogService {
        guard let service: CatalogService = try row("SELECT * FROM service WHERE id = \(id)") else {
            throw .notFound(CatalogService.one, id.text)
        }
        return service
    }

    func insert(_ service: CatalogService) throws(Failure) {
        try insert(
            into: "service",
            [
                "id": service.id, "type": service.type, "name": service.name, "enabled": service.isEnabled,
                "extra": service.extra,
            ])
    }

    func update(_ service: CatalogService) throws(Failure) {
        try run(
            """
            UPDATE service SET type = \(service.type), name = \(service.name), enabled = \(service.isEnabled),
                extra = \(service.extra)
            WHERE id = \(service.id)
            """)
    }

    /// Its endpoints go with it.
    func deleteService(_ id: ID<CatalogService>) throws(Failure) {
        _ = try service(id)
        let endpoints: [CatalogEndpoint] = try rows("SELECT * FROM endpoint WHERE service_id = \(id)")
        for endpoint in endpoints { try deleteEndpoint(endpoint.id) }
        try deleteLimits(ofService: id)
        try deleteAssociations(of: id)
        try run("DELETE FROM service WHERE id = \(id)")
    }
}
