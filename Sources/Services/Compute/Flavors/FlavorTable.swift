import API
import Base
import SQL

extension Flavor: Record {
    static let created = Migration(
        "create flavor",
        """
        CREATE TABLE compute_flavor (
            position    \(.serial),
            id          VARCHAR(255) NOT NULL,
            name        VARCHAR(255) NOT NULL,
            vcpus       BIGINT       NOT NULL,
            memory      BIGINT       NOT NULL,
            disk        BIGINT       NOT NULL,
            ephemeral   BIGINT       NOT NULL,
            swap        BIGINT       NOT NULL,
            rxtx_factor DOUBLE       NOT NULL,
            is_public   BOOLEAN      NOT NULL,
            description MEDIUMTEXT,
            extra_specs MEDIUMTEXT   NOT NULL,
            created_at  BIGINT       NOT NULL,
            UNIQUE (id),
            UNIQUE (name)
        )
        """,
        """
        CREATE TABLE compute_flavor_access (
            flavor_id  VARCHAR(255) NOT NULL,
            project_id VARCHAR(255) NOT NULL,
            PRIMARY KEY (flavor_id, project_id)
        )
        """)

    init(_ row: borrowing Row) throws(Failure) {
        self.init(
            id: try row.id("id"), name: try row.text("name"), vcpus: try row.integer("vcpus"),
            memory: try row.integer("memory"), disk: try row.integer("disk"), ephemeral: try row.integer("ephemeral"),
            swap: try row.integer("swap"), rxtxFactor: try row.real("rxtx_factor"), isPublic: try row.bool("is_public"),
            description: try row.optionalText("description"),
            extraSpecs: try JSONReader.read(try row.text("extra_specs")).object ?? JSON.Object())
    }

    /// What lists may be sorted by, and the columns behind it.
    static let sortColumns: [String: StaticString] = [
        "flavorid": "id", "id": "position", "name": "name", "memory_mb": "memory", "vcpus": "vcpus", "root_gb": "disk",
        "ephemeral_gb": "ephemeral", "swap": "swap", "rxtx_factor": "rxtx_factor", "is_public": "is_public",
        "created_at": "created_at", "updated_at": "created_at", "description": "description", "disabled": "position",
        "vcpu_weight": "position",
    ]
}

/// Which flavors somebody may use: the public ones and those that their project was given; administrators all.
struct FlavorReach: Sendable {
    let project: String?
    let isAdmin: Bool

    var condition: SQL {
        if isAdmin { return "1 = 1" }
        return """
            (is_public = \(true) OR id IN (SELECT flavor_id FROM compute_flavor_access WHERE project_id = \(project ?? "")))
            """
    }
}

extension Transaction {
    func flavor(_ id: ID<Flavor>, _ reach: FlavorReach) throws(Failure) -> Flavor {
        guard let flavor: Flavor = try row("SELECT * FROM compute_flavor WHERE id = \(id) AND \(reach.condition)")
        else {
            throw .noSuch("Flavor", id.text)
        }
        return flavor
    }

    func flavors(_ condition: SQL, sort: SQL, limit: Int, marker: String?, _ reach: FlavorReach) throws(Failure)
        -> Page<Flavor>
    {
        let all: [Flavor] = try rows(
            "SELECT * FROM compute_flavor WHERE \(condition) AND \(reach.condition) ORDER BY \(sort), position")
        var rest = all[...]
        if let marker {
            guard let place = all.firstIndex(where: { $0.id.text == marker }) else {
                throw .invalid("marker [\(marker)] not found")
            }
            rest = all[(place + 1)...]
        }
        let page = Array(rest.prefix(limit))
        return Page(things: page, next: rest.count > limit ? page.last?.id.text : nil)
    }

    func insert(_ flavor: Flavor, at now: Moment) throws(Failure) {
        do throws(Failure) {
            try insert(
                into: "compute_flavor",
                [
                    "id": flavor.id, "name": flavor.name, "vcpus": flavor.vcpus, "memory": flavor.memory,
                    "disk": flavor.disk, "ephemeral": flavor.ephemeral, "swap": flavor.swap,
                    "rxtx_factor": flavor.rxtxFactor, "is_public": flavor.isPublic, "description": flavor.description,
                    "extra_specs": JSON.object(flavor.extraSpecs).text, "created_at": now,
                ])
        } catch  where error.violation?.isUnique("name") == true {
            throw .conflict("Flavor with name \(flavor.name) already exists.")
        } catch  where error.kind == .conflict {
            throw .conflict("Flavor with ID \(flavor.id) already exists.")
        }
    }

    func update(_ flavor: Flavor) throws(Failure) {
        try run(
            """
            UPDATE compute_flavor SET description = \(flavor.description),
                extra_specs = \(JSON.object(flavor.extraSpecs).text)
            WHERE id = \(flavor.id)
            """)
    }

    func deleteFlavor(_ id: ID<Flavor>) throws(Failure) {
        try run("DELETE FROM compute_flavor_access WHERE flavor_id = \(id)")
        try run("DELETE FROM compute_flavor WHERE id = \(id)")
    }

    // MARK: Access

    func projects(with flavor: ID<Flavor>) throws(Failure) -> [String] {
        try rows("SELECT project_id FROM compute_flavor_access WHERE flavor_id = \(flavor) ORDER BY project_id") {
            row throws(Failure) in try row.text("project_id")
        }
    }

    func give(_ flavor: ID<Flavor>, to project: String) throws(Failure) {
        do throws(Failure) {
            try insert(into: "compute_flavor_access", ["flavor_id": flavor, "project_id": project])
        } catch  where error.kind == .conflict {
            throw .conflict("Flavor access already exists for flavor \(flavor) and project \(project) combination.")
        }
    }

    func take(_ flavor: ID<Flavor>, from project: String) throws(Failure) {
        guard try run("DELETE FROM compute_flavor_access WHERE flavor_id = \(flavor) AND project_id = \(project)") > 0
        else {
            throw Failure(.notFound, "Flavor access not found for \(flavor) / \(project) combination.")
        }
    }
}
