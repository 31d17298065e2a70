import Base
import Policy
import SQL

extension Namespace {
    static let created = Migration(
        "create image_namespace",
        """
        CREATE TABLE image_namespace (
            name         VARCHAR(80) NOT NULL PRIMARY KEY,
            display_name VARCHAR(80),
            description  MEDIUMTEXT,
            visibility   VARCHAR(16) NOT NULL,
            is_protected BOOLEAN     NOT NULL,
            owner        VARCHAR(255),
            created_at   BIGINT      NOT NULL,
            updated_at   BIGINT      NOT NULL
        )
        """)

    init(_ row: borrowing Row) throws(Failure) {
        self.init(
            name: try row.text("name"), displayName: try row.optionalText("display_name"),
            description: try row.optionalText("description"), visibility: try row.value("visibility"),
            isProtected: try row.bool("is_protected"), owner: try row.optionalText("owner"),
            created: try row.moment("created_at"), updated: try row.moment("updated_at"))
    }
}

extension Transaction {
    func namespace(_ name: String) throws(Failure) -> Namespace {
        guard let found: Namespace = try row("SELECT * FROM image_namespace WHERE name = \(name)") else {
            throw Namespace.notFound(name)
        }
        return found
    }

    /// The newest first, within reach.
    func namespaces(
        in scope: Scope, _ filters: [SQL], behind marker: String?, limit: Int
    ) throws(Failure) -> [Namespace] {
        let columns: [String: StaticString] = [
            "project_id": "owner", "tenant_id": "owner", "owner": "owner", "visibility": "visibility",
        ]
        var conditions = filters + [scope.condition(columns)]
        if let marker {
            let last = try namespace(marker)
            conditions.append(
                "created_at < \(last.created) OR (created_at = \(last.created) AND name < \(last.name))")
        }
        return try rows(
            """
            SELECT * FROM image_namespace WHERE \(.all(conditions)) ORDER BY created_at DESC, name DESC LIMIT \(limit)
            """)
    }

    func insert(_ namespace: Namespace) throws(Failure) {
        do throws(Failure) {
            try insert(
                into: "image_namespace",
                [
                    "name": namespace.name, "display_name": namespace.displayName,
                    "description": namespace.description, "visibility": namespace.visibility,
                    "is_protected": namespace.isProtected, "owner": namespace.owner,
                    "created_at": namespace.created, "updated_at": namespace.updated,
                ])
        } catch  where error.violation?.kind == .unique {
            throw .conflict("The metadata definition namespace=\(namespace.name) already exists.")
        }
    }

    /// Its definitions follow it to a new name.
    func update(_ namespace: Namespace, named old: String) throws(Failure) {
        try run("DELETE FROM image_namespace WHERE name = \(old)")
        try insert(namespace)
        try run("UPDATE image_definition SET namespace = \(namespace.name) WHERE namespace = \(old)")
    }

    func delete(_ namespace: Namespace) throws(Failure) {
        try run("DELETE FROM image_definition WHERE namespace = \(namespace.name)")
        try run("DELETE FROM image_namespace WHERE name = \(namespace.name)")
    }
}
