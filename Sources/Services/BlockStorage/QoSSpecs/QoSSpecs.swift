import API
import Base
import HTTP
import Policy
import SQL

/// How the volumes of types are to be treated: by whom, and what that one is told.
struct QoSSpecs: Record {
    let id: ID<QoSSpecs>
    let name: String
    /// `front-end`, `back-end`, `both`.
    var consumer: String
    var specs: JSON.Object
    let created: Moment
}

extension QoSSpecs {
    static let created = Migration(
        "create volume qos",
        """
        CREATE TABLE volume_qos (
            position   \(.serial),
            id         VARCHAR(64)  NOT NULL,
            name       VARCHAR(255) NOT NULL,
            consumer   VARCHAR(32)  NOT NULL,
            specs      MEDIUMTEXT   NOT NULL,
            created_at BIGINT       NOT NULL,
            UNIQUE (id),
            UNIQUE (name)
        )
        """)

    init(_ row: borrowing Row) throws(Failure) {
        self.init(
            id: try row.id("id"), name: try row.text("name"), consumer: try row.text("consumer"),
            specs: try row.object("specs"), created: try row.moment("created_at"))
    }

    static let listing = Listing(
        name: "qos_specs", noun: "QoS specs", table: "volume_qos", select: "SELECT volume_qos.* FROM volume_qos",
        sorts: [
            "id": "volume_qos.id", "name": "volume_qos.name", "consumer": "volume_qos.consumer",
            "created_at": "volume_qos.created_at",
        ],
        filters: [.text("id", "id"), .text("name", "name"), .text("consumer", "consumer")], isByProject: false)

    static let endpoints: [Endpoint<BlockStorage>] = [
        .get("/qos-specs", "List QoS specs", may: .listQoS, query: listing.parameters, list),
        .post("/qos-specs", "Create QoS specs", may: .createQoS, takes: createShape, create),
        .get("/qos-specs/{qos_id}", "Show QoS specs", may: .showQoS, show),
        .put("/qos-specs/{qos_id}", "Change QoS specs", may: .updateQoS, takes: updateShape, update),
        Endpoint(
            "DELETE", "/qos-specs/{qos_id}", "Delete QoS specs", access: .rule(.deleteQoS), query: [Parameter("force")],
            delete),
        .put("/qos-specs/{qos_id}/delete_keys", "Cut QoS specs", may: .deleteQoS, takes: keysShape, deleteKeys),
        .get("/qos-specs/{qos_id}/associations", "List the types that QoS specs are for", may: .listQoS, associations),
        .get(
            "/qos-specs/{qos_id}/associate", "Give QoS specs to a type", may: .updateQoS,
            query: [Parameter("vol_type_id")]
        ) { try await associate($0, true) },
        .get(
            "/qos-specs/{qos_id}/disassociate", "Take QoS specs from a type", may: .updateQoS,
            query: [Parameter("vol_type_id")]
        ) { try await associate($0, false) },
        .get("/qos-specs/{qos_id}/disassociate_all", "Take QoS specs from all types", may: .updateQoS, disassociateAll),
    ]

    private static let consumers = ["front-end", "back-end", "both"]
    private static let createShape: Shape = .wrapped(
        "qos_specs", [.required("name", .name), .optional("consumer", .choice(consumers))], others: .allowed)
    private static let updateShape: Shape = .object(
        Fields([.required("qos_specs", .map(name: 1...255, value: .nullable(.text(0...255))))]))
    private static let keysShape: Shape = .object(
        Fields([.required("keys", .list(of: .text(1...255), unique: true))]))
}

extension Transaction {
    func qos(_ id: ID<QoSSpecs>) throws(Failure) -> QoSSpecs {
        let specs: QoSSpecs? = try row("SELECT * FROM volume_qos WHERE id = \(id)")
        guard let specs else { throw Failure(.notFound, "No such qos spec \(id).") }
        return specs
    }

    fileprivate func update(_ qos: QoSSpecs) throws(Failure) {
        try run(
            "UPDATE volume_qos SET consumer = \(qos.consumer), specs = \(qos.specs.storedText) WHERE id = \(qos.id)")
    }

    fileprivate func types(with qos: ID<QoSSpecs>) throws(Failure) -> [VolumeType] {
        try rows("\(VolumeType.select) WHERE volume_type.qos_specs_id = \(qos) ORDER BY volume_type.position")
    }
}

// MARK: Handlers

extension QoSSpecs {
    private static func list(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let query = try ListQuery(listing, call)
        let page: Page<QoSSpecs> = try await call.service.database.read { try $0.page(query) }
        return .json { json in
            json.array("qos_specs", of: page.things) { specs, json in json.object { specs.write(to: &$0) } }
            call.writeEnd(of: page, listing, at: "/qos-specs", last: page.things.last?.id.text, to: &json)
        }
    }

    private static func show(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        .one(try await call.service.database.read { try $0.qos(call.id("qos_id")) }, call)
    }

    private static func create(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let (body, world) = (try call.fields("qos_specs"), call.service.world)
        let own = body.members.filter { $0.name != "name" && $0.name != "consumer" }
        for member in own where member.value.string == nil {
            throw .field("qos_specs.\(member.name)", "must be a string")
        }
        let specs = QoSSpecs(
            id: .uuid(world.chance), name: try body.required("name").trimmed,
            consumer: body.text("consumer") ?? "back-end", specs: JSON.Object(own), created: world.now)
        try await call.service.database.write { tx in
            do throws(Failure) {
                try tx.insert(
                    into: "volume_qos",
                    [
                        "id": specs.id, "name": specs.name, "consumer": specs.consumer,
                        "specs": specs.specs.storedText, "created_at": specs.created,
                    ])
            } catch {
                guard error.violation?.kind == .unique else { throw error }
                throw Failure.conflict("QoS Specs \(specs.name) already exists.")
            }
        }
        return .one(specs, call)
    }

    private static func update(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let body = try call.fields("qos_specs")
        if let consumer = body.text("consumer"), !consumers.contains(consumer) {
            throw .invalid("Invalid qos specs: Valid consumer of QoS specs are: \(consumers.joined(separator: ", "))")
        }
        try await call.service.database.write { tx in
            var qos = try tx.qos(call.id("qos_id"))
            qos.consumer = body.text("consumer") ?? qos.consumer
            qos.specs = qos.specs.merging(JSON.Object(body.members.filter { $0.name != "consumer" }))
            try tx.update(qos)
        }
        return .json { $0.put("qos_specs", .object(body)) }
    }

    private static func delete(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let isForced = try call.query.boolean("force") ?? false
        try await call.service.database.write { tx in
            let qos = try tx.qos(call.id("qos_id"))
            if isForced {
                try tx.run("UPDATE volume_type SET qos_specs_id = NULL WHERE qos_specs_id = \(qos.id)")
            }
            guard try tx.types(with: qos.id).isEmpty else { throw Failure.invalid("Qos specs still in use.") }
            try tx.run("DELETE FROM volume_qos WHERE id = \(qos.id)")
        }
        return Reply(202)
    }

    private static func deleteKeys(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let keys = call.body["keys"]?.array?.compactMap(\.string) ?? []
        try await call.service.database.write { tx in
            var qos = try tx.qos(call.id("qos_id"))
            for key in keys {
                guard qos.specs.has(key) else {
                    throw Failure(.notFound, "QoS spec \(qos.id) has no spec with key \(key).")
                }
                qos.specs[key] = nil
            }
            try tx.update(qos)
        }
        return Reply(202)
    }

    private static func associations(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let types = try await call.service.database.read { tx in
            try tx.types(with: try tx.qos(call.id("qos_id")).id)
        }
        return .json { json in
            json.array("qos_associations", of: types) { type, json in
                json.object {
                    $0.put("association_type", "volume_type")
                    $0.put("name", type.name)
                    $0.put("id", type.id)
                }
            }
        }
    }

    private static func associate(_ call: Call<BlockStorage>, _ isGiven: Bool) async throws(Failure) -> Reply {
        guard let wanted = call.query["vol_type_id"], !wanted.isEmpty else {
            throw .invalid("Volume Type id must not be None.")
        }
        let now = call.service.world.now
        try await call.service.database.write { tx in
            let qos = try tx.qos(call.id("qos_id"))
            try tx.change(ID<VolumeType>(wanted), at: now) { type throws(Failure) in
                if isGiven, let other = type.qosSpecs, other != qos.id {
                    throw .invalid(
                        "Invalid volume type: Type \(type.id) is already associated with another qos specs: \(other)")
                }
                type.qosSpecs = isGiven ? qos.id : nil
            }
        }
        return Reply(202)
    }

    private static func disassociateAll(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        try await call.service.database.write { tx in
            let qos = try tx.qos(call.id("qos_id"))
            try tx.run("UPDATE volume_type SET qos_specs_id = NULL WHERE qos_specs_id = \(qos.id)")
        }
        return Reply(202)
    }

    fileprivate func write(to json: inout JSONWriter) {
        json.put("id", id)
        json.put("name", name)
        json.put("consumer", consumer)
        json.put("specs", .object(specs))
    }
}

extension Reply {
    fileprivate static func one(_ qos: QoSSpecs, _ call: Call<BlockStorage>) -> Reply {
        .json { json in
            json.object("qos_specs") { qos.write(to: &$0) }
            call.writeLinks("qos-specs", qos.id.text, to: &json)
        }
    }
}

extension Rule {
    static let listQoS = Rule("volume_extension:qos_specs_manage:get_all", "List QoS specs", May.admin)
    static let showQoS = Rule("volume_extension:qos_specs_manage:get", "Show QoS specs", May.admin)
    static let createQoS = Rule("volume_extension:qos_specs_manage:create", "Create QoS specs", May.admin)
    static let updateQoS = Rule("volume_extension:qos_specs_manage:update", "Change QoS specs", May.admin)
    static let deleteQoS = Rule("volume_extension:qos_specs_manage:delete", "Delete QoS specs", May.admin)
}
