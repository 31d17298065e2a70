import API
import Base
import SQL

extension VolumeType: Record {
    static let created = Migration(
        "create volume type",
        """
        CREATE TABLE volume_type (
            position     \(.serial),
            id           VARCHAR(64)  NOT NULL,
            name         VARCHAR(255) NOT NULL,
            description  VARCHAR(255),
            is_public    BOOLEAN      NOT NULL,
            extra_specs  MEDIUMTEXT   NOT NULL,
            qos_specs_id VARCHAR(64),
            encryption   MEDIUMTEXT,
            created_at   BIGINT       NOT NULL,
            updated_at   BIGINT,
            UNIQUE (id),
            UNIQUE (name)
        )
        """,
        """
        CREATE TABLE volume_type_access (
            type_id    VARCHAR(64)  NOT NULL,
            project_id VARCHAR(255) NOT NULL,
            PRIMARY KEY (type_id, project_id)
        )
        """,
        """
        CREATE TABLE volume_default_type (
            project_id VARCHAR(255) NOT NULL PRIMARY KEY,
            type_id    VARCHAR(64)  NOT NULL
        )
        """)

    init(_ row: borrowing Row) throws(Failure) {
        self.init(
            id: try row.id("id"), name: try row.text("name"), description: try row.optionalText("description"),
            isPublic: try row.bool("is_public"), extraSpecs: try row.object("extra_specs"),
            qosSpecs: try row.optionalID("qos_specs_id"), encryption: try row.optionalObject("encryption"),
            created: try row.moment("created_at"), updated: try row.optionalMoment("updated_at"))
    }

    static let select: SQL = "SELECT volume_type.* FROM volume_type"

    static let listing = Listing(
        name: "volume_types", noun: "Volume type", table: "volume_type", select: select,
        sorts: [
            "id": "volume_type.id", "name": "volume_type.name", "created_at": "volume_type.created_at",
            "updated_at": "volume_type.updated_at", "is_public": "volume_type.is_public",
        ],
        filters: [
            .text("name", "name"), .text("description", "description"),
            .pairs("extra_specs", "extra_specs", since: "3.52"),
        ],
        isByProject: false)
}

extension Transaction {
    func volumeType(_ id: ID<VolumeType>, _ sight: TypeSight = .everything) throws(Failure) -> VolumeType {
        let type: VolumeType? = try row("\(VolumeType.select) WHERE volume_type.id = \(id) AND \(sight.condition)")
        guard let type else { throw .noSuch("Volume type", id.text) }
        return type
    }

    /// By its id or its name.
    func volumeType(named text: String, _ sight: TypeSight) throws(Failure) -> VolumeType {
        let types: [VolumeType] = try rows(
            """
            \(VolumeType.select) WHERE (volume_type.id = \(text) OR volume_type.name = \(text)) AND \(sight.condition)
            """)
        guard let type = types.first(where: { $0.id.text == text }) ?? types.first else {
            throw Failure(.notFound, "Volume type with name \(text) could not be found.")
        }
        return type
    }

    /// What a project chose, else what the cloud has by default.
    func defaultType(of project: String, _ name: String) throws(Failure) -> VolumeType {
        let own: VolumeType? = try row(
            """
            \(VolumeType.select) WHERE volume_type.id IN
                (SELECT type_id FROM volume_default_type WHERE project_id = \(project))
            """)
        if let own { return own }
        return try volumeType(named: name, .everything)
    }

    func ensureDefaultType(_ name: String, _ world: World) throws(Failure) {
        guard try !exists("SELECT 1 FROM volume_type WHERE name = \(name)") else { return }
        try insert(
            VolumeType(
                id: .uuid(world.chance), name: name, description: "Default Volume Type", isPublic: true,
                extraSpecs: JSON.Object(), qosSpecs: nil, encryption: nil, created: world.now, updated: nil))
    }

    func insert(_ type: VolumeType) throws(Failure) {
        do throws(Failure) {
            try insert(
                into: "volume_type",
                [
                    "id": type.id, "name": type.name, "description": type.description, "is_public": type.isPublic,
                    "extra_specs": type.extraSpecs.storedText, "created_at": type.created,
                ])
        } catch  where error.violation?.kind == .unique {
            throw .conflict("Volume Type \(type.name) already exists.")
        }
    }

    @discardableResult
    func change(
        _ id: ID<VolumeType>, at now: Moment, _ body: (inout VolumeType) throws(Failure) -> Void
    ) throws(Failure) -> VolumeType {
        var type = try volumeType(id)
        try body(&type)
        type.updated = now
        do throws(Failure) {
            try run(
                """
                UPDATE volume_type SET name = \(type.name), description = \(type.description),
                    is_public = \(type.isPublic), extra_specs = \(type.extraSpecs.storedText),
                    qos_specs_id = \(type.qosSpecs), encryption = \(type.encryption?.storedText), updated_at = \(now)
                WHERE id = \(id)
                """)
        } catch  where error.violation?.kind == .unique {
            throw .conflict("Volume Type \(type.name) already exists.")
        }
        try touchVolumes(where: "type_id = \(id)")
        return type
    }

    func isInUse(_ type: ID<VolumeType>) throws(Failure) -> Bool {
        try exists("SELECT 1 FROM volume_volume WHERE type_id = \(type)")
    }

    func delete(_ type: ID<VolumeType>) throws(Failure) {
        try run("DELETE FROM volume_type_access WHERE type_id = \(type)")
        try run("DELETE FROM volume_type WHERE id = \(type)")
    }

    func projects(of type: ID<VolumeType>) throws(Failure) -> [String] {
        try rows("SELECT project_id FROM volume_type_access WHERE type_id = \(type) ORDER BY project_id") {
            row throws(Failure) in try row.text("project_id")
        }
    }
}
