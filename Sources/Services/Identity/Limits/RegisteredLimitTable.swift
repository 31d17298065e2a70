import API
import Base
import SQL

extension RegisteredLimit {
    /// No region is an empty text, not NULL, so that a resource is registered only once for all regions too.
    static let created = Migration(
        "create registered limit",
        """
        CREATE TABLE registered_limit (
            id            VARCHAR(64)  NOT NULL PRIMARY KEY,
            service_id    VARCHAR(64)  NOT NULL,
            region_id     VARCHAR(255) NOT NULL,
            resource_name VARCHAR(255) NOT NULL,
            amount        BIGINT       NOT NULL,
            description   MEDIUMTEXT,
            UNIQUE (service_id, region_id, resource_name),
            FOREIGN KEY (service_id) REFERENCES service (id)
        )
        """)

    static let filters: [Filter] = [
        .text("service_id", "service_id"), .text("region_id", "region_id"), .text("resource_name", "resource_name"),
    ]

    init(_ row: borrowing Row) throws(Failure) {
        let region = try row.text("region_id")
        self.init(
            id: try row.id("id"), service: try row.id("service_id"), region: region.isEmpty ? nil : ID(region),
            resource: try row.text("resource_name"), amount: try row.integer("amount"),
            description: try row.optionalText("description"))
    }
}

extension Transaction {
    func registeredLimits(_ query: Parameters) throws(Failure) -> Page<RegisteredLimit> {
        try page("SELECT * FROM registered_limit WHERE \(RegisteredLimit.filters.condition(query))", query)
    }

    func registeredLimit(_ id: ID<RegisteredLimit>) throws(Failure) -> RegisteredLimit {
        guard let limit: RegisteredLimit = try row("SELECT * FROM registered_limit WHERE id = \(id)") else {
            throw Failure(.notFound, "Could not find registered limit for \(id).")
        }
        return limit
    }

    func insert(_ limit: RegisteredLimit) throws(Failure) {
        try requirePlace(of: limit)
        do throws(Failure) {
            try insert(
                into: "registered_limit",
                [
                    "id": limit.id, "service_id": limit.service, "region_id": limit.region?.text ?? "",
                    "resource_name": limit.resource, "amount": limit.amount, "description": limit.description,
                ])
        } catch  where error.kind == .conflict {
            throw .duplicateLimit
        }
    }

    func update(_ limit: RegisteredLimit) throws(Failure) {
        try requirePlace(of: limit)
        try refuseInUse(limit.id)
        do throws(Failure) {
            try run(
                """
                UPDATE registered_limit SET service_id = \(limit.service), region_id = \(limit.region?.text ?? ""),
                    resource_name = \(limit.resource), amount = \(limit.amount), description = \(limit.description)
                WHERE id = \(limit.id)
                """)
        } catch  where error.kind == .conflict {
            throw .duplicateLimit
        }
    }

    func deleteRegisteredLimit(_ id: ID<RegisteredLimit>) throws(Failure) {
        _ = try registeredLimit(id)
        try refuseInUse(id)
        try run("DELETE FROM registered_limit WHERE id = \(id)")
    }

    /// What is limited of a service, or of its endpoints in a region, goes with it.
    func deleteLimits(ofService service: ID<CatalogService>) throws(Failure) {
        try run(
            """
            DELETE FROM resource_limit
            WHERE registered_limit_id IN (SELECT id FROM registered_limit WHERE service_id = \(service))
            """)
        try run("DELETE FROM registered_limit WHERE service_id = \(service)")
    }

    private func refuseInUse(_ id: ID<RegisteredLimit>) throws(Failure) {
        guard try !exists("SELECT 1 FROM resource_limit WHERE registered_limit_id = \(id)") else {
            throw .forbidden(
                "Unable to update or delete registered limit \(id) because there are project limits associated with it."
            )
        }
    }

    private func requirePlace(of limit: RegisteredLimit) throws(Failure) {
        guard try exists("SELECT 1 FROM service WHERE id = \(limit.service)") else {
            throw .field("registered_limit.service_id", "names no service: \(limit.service)")
        }
        guard let region = limit.region else { return }
        guard try exists("SELECT 1 FROM region WHERE id = \(region)") else {
            throw .field("registered_limit.region_id", "names no region: \(region)")
        }
    }
}

extension Failure {
    fileprivate static let duplicateLimit = Failure.conflict(
        "Conflict occurred attempting to store registered_limit - Duplicate entry.")
}
