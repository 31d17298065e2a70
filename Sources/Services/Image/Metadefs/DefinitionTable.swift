import Base
import SQL

extension Definition {
    static let created = Migration(
        "create image_definition",
        """
        CREATE TABLE image_definition (
            namespace  VARCHAR(80) NOT NULL,
            kind       VARCHAR(16) NOT NULL,
            name       VARCHAR(80) NOT NULL,
            document   MEDIUMTEXT  NOT NULL,
            created_at BIGINT      NOT NULL,
            updated_at BIGINT      NOT NULL,
            PRIMARY KEY (namespace, kind, name)
        )
        """)

    init(_ row: borrowing Row) throws(Failure) {
        self.init(
            namespace: try row.text("namespace"), kind: try row.value("kind"), name: try row.text("name"),
            document: try JSONReader.read(row.text("document")).object ?? JSON.Object(),
            created: try row.moment("created_at"), updated: try row.moment("updated_at"))
    }
}

extension Transaction {
    func definitions(_ kind: Definition.Kind, in namespace: Namespace) throws(Failure) -> [Definition] {
        try rows(
            """
            SELECT * FROM image_definition WHERE namespace = \(namespace.name) AND kind = \(kind)
            ORDER BY created_at DESC, name
            """)
    }

    func definition(
        _ kind: Definition.Kind, _ name: String, in namespace: Namespace
    ) throws(Failure) -> Definition {
        let found: Definition? = try row(
            """
            SELECT * FROM image_definition
            WHERE namespace = \(namespace.name) AND kind = \(kind) AND name = \(name)
            """)
        guard let found else {
            throw Failure(
                .notFound,
                "The metadata definition \(kind.rawValue) with name=\(name) was not found in namespace=\(namespace.name)."
            )
        }
        return found
    }

    func insert(_ definition: Definition) throws(Failure) {
        do throws(Failure) {
            try insert(
                into: "image_definition",
                [
                    "namespace": definition.namespace, "kind": definition.kind, "name": definition.name,
                    "document": JSON.object(definition.document).text, "created_at": definition.created,
                    "updated_at": definition.updated,
                ])
        } catch  where error.violation?.kind == .unique {
            throw .conflict(
                """
                A metadata definition \(definition.kind.rawValue) with name=\(definition.name) already exists in \
                namespace=\(definition.namespace).
                """)
        }
        guard definition.kind == .association else { return }
        try ensureResourceType(definition.name, isProtected: false, at: definition.created)
    }

    func delete(_ definition: Definition) throws(Failure) {
        try run(
            """
            DELETE FROM image_definition
            WHERE namespace = \(definition.namespace) AND kind = \(definition.kind) AND name = \(definition.name)
            """)
    }

    func deleteDefinitions(_ kind: Definition.Kind, in namespace: Namespace) throws(Failure) {
        try run("DELETE FROM image_definition WHERE namespace = \(namespace.name) AND kind = \(kind)")
    }
}
