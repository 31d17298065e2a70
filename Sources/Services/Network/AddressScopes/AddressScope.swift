import API
import Base
import SQL

extension Resource {
    /// An address scope: within it, no address means two things.
    static let addressScope: Resource = Resource(
        "address_scope", "address_scopes", path: "address-scopes", table: "network_address_scope",
        missing: { .missing("AddressScopeNotFound", "Address scope \($0) could not be found") },
        attributes: [
            .id, .name, .project, .shared("address_scope"),
            Attribute("ip_version", .integer, set: .create, .looseInteger(4...6), or: .required),
        ],
        update: { changes, before, desk throws(Failure) in
            if before.flag("shared"), changes.boolean("shared") == false {
                throw .wrong(
                    "AddressScopeUpdateError",
                    "Unable to update address scope \(before.id) : Shared address scope can't be unshared")
            }
            try desk.change(.addressScope, before.id, changes)
        },
        delete: { scope, desk throws(Failure) in
            guard try !desk.tx.exists("SELECT 1 FROM network_subnetpool WHERE address_scope_id = \(scope.id)") else {
                throw .clash(
                    "AddressScopeInUse",
                    "Unable to complete operation on address scope \(scope.id). There are one or more subnet pools in use on the address scope"
                )
            }
            try desk.remove(.addressScope, scope.id)
        })
}

enum AddressScopeRows {
    static let created = Migration(
        "create address scope",
        """
        CREATE TABLE network_address_scope (
            id          VARCHAR(36)  NOT NULL PRIMARY KEY,
            project_id  VARCHAR(255) NOT NULL,
            name        VARCHAR(255) NOT NULL,
            ip_version  BIGINT       NOT NULL
        )
        """)
}
