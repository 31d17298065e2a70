import API
import Base
import HTTP
import Policy
import SQL

extension Aggregate {
    static let endpoints: [Endpoint<Compute>] = [
        .get("/os-aggregates", "List aggregates", may: .listAggregates, list),
        .post("/os-aggregates", "Create an aggregate", may: .createAggregate, takes: shape, create),
        .get(path, "Show an aggregate", may: .showAggregate, show),
        .put(path, "Update an aggregate", may: .updateAggregate, takes: updateShape, update),
        .delete(path, "Delete an aggregate", may: .deleteAggregate, delete),
        Endpoint(
            "POST", path + "/action", "Change an aggregate's hosts or metadata",
            access: .decided(by: [.addAggregateHost, .removeAggregateHost, .setAggregateMetadata]),
            body: .json(actionShape), act),
        .post(
            path + "/images", "Have images ready on an aggregate's hosts", may: .cacheImages, takes: imagesShape,
            since: "2.81", cacheImages),
    ]

    private static let path = "/os-aggregates/{aggregate_id}"

    private static let shape: Shape = .wrapped(
        "aggregate", [.required("name", .name), .optional("availability_zone", .nullable(.name))])
    private static let updateShape: Shape = .wrapped(
        "aggregate", [.optional("name", .name), .optional("availability_zone", .nullable(.name))])
    private static let host: Shape = .object(Fields([.required("host", .text(1...255))]))
    private static let actionShape: Shape = .object(
        Fields([
            .optional("add_host", host), .optional("remove_host", host),
            .optional(
                "set_metadata",
                .object(
                    Fields([
                        .required("metadata", .map(name: 1...255, value: .nullable(.text(0...255)), count: 1...128))
                    ])
                )),
        ]))
    private static let imagesShape: Shape = .object(
        Fields([.required("cache", .list(of: .object(Fields([.required("id", .uuid)])), count: 1...1_000))]))
}

extension Rule {
    static let listAggregates = Rule("os_compute_api:os-aggregates:index", "List aggregates", May.admin)
    static let createAggregate = Rule("os_compute_api:os-aggregates:create", "Create an aggregate", May.admin)
    static let showAggregate = Rule("os_compute_api:os-aggregates:show", "Show an aggregate", May.admin)
    static let updateAggregate = Rule("os_compute_api:os-aggregates:update", "Update an aggregate", May.admin)
    static let deleteAggregate = Rule("os_compute_api:os-aggregates:delete", "Delete an aggregate", May.admin)
    static let addAggregateHost = Rule("os_compute_api:os-aggregates:add_host", "Add a host", May.admin)
    static let removeAggregateHost = Rule("os_compute_api:os-aggregates:remove_host", "Remove a host", May.admin)
    static let setAggregateMetadata = Rule("os_compute_api:os-aggregates:set_metadata", "Set metadata", May.admin)
    static let cacheImages = Rule("compute:aggregates:images", "Have images ready on hosts", May.admin)
}

// MARK: Handlers

extension Aggregate {
    private static func list(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let aggregates = try await call.service.database.read { try $0.aggregates() }
        return .json { json in
            json.array("aggregates", of: aggregates) { aggregate, json in
                json.object { aggregate.write(to: &$0, at: call.version) }
            }
        }
    }

    private static func show(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let number = try number(call)
        return .one(try await call.service.database.read { try $0.aggregate(number) }, call)
    }

    private static func create(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let (body, world) = (try call.fields("aggregate"), call.service.world)
        let name = try body.required("name").trimmed
        var metadata = JSON.Object()
        if let zone = body.text(zoneKey)?.trimmed { metadata[zoneKey] = .string(zone) }
        let given = metadata
        let aggregate = try await call.service.database.write { tx in
            try tx.insert(name: name, id: .uuid(world.chance), metadata: given, at: world.now)
        }
        return .json { $0.object("aggregate") { aggregate.write(to: &$0, at: call.version, isNew: true) } }
    }

    private static func update(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let (number, body) = (try number(call), try call.fields("aggregate"))
        guard !body.members.isEmpty else { throw .field("aggregate", "must have a name or an availability_zone") }
        var changes = JSON.Object()
        if let zone = body[zoneKey] { changes[zoneKey] = zone }
        return try await change(number, changes, name: body.text("name")?.trimmed, "update", call)
    }

    private static func delete(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let number = try number(call)
        try await call.service.database.write { tx in
            let aggregate = try tx.aggregate(number)
            guard aggregate.hosts.isEmpty else {
                throw Failure.invalid(
                    "Cannot delete aggregate \(number). Reason: Host aggregate is not empty.")
            }
            try tx.deleteAggregate(number)
        }
        return Reply(200)
    }

    private static func act(_ call: Call<Compute>) async throws(Failure) -> Reply {
        guard let members = call.body.object?.members, members.count == 1, let action = members.first else {
            throw .invalid("The body must name one action.")
        }
        let host = action.value["host"]?.string ?? ""
        switch action.name {
        case "add_host":
            try call.require(.addAggregateHost)
            return try await add(host, try number(call), call)
        case "remove_host":
            try call.require(.removeAggregateHost)
            return try await remove(host, try number(call), call)
        default:
            try call.require(.setAggregateMetadata)
            return try await change(
                try number(call), action.value["metadata"]?.object ?? JSON.Object(), "update metadata of", call)
        }
    }

    private static func number(_ call: Call<Compute>) throws(Failure) -> Int {
        guard let number = Int(call["aggregate_id"]) else {
            throw .invalid("Invalid input received: id must be an integer")
        }
        return number
    }
}

// MARK: Changes

extension Aggregate {
    private static func change(
        _ number: Int, _ changes: JSON.Object, name: String? = nil, _ verb: String, _ call: Call<Compute>
    ) async throws(Failure) -> Reply {
        let now = call.service.world.now
        let changed = try await call.service.database.write { tx in
            var aggregate = try tx.aggregate(number)
            let before = aggregate.zone
            if let name { aggregate.name = name }
            aggregate.change(changes)
            aggregate.updated = now
            if let zone = changes[zoneKey]?.string {
                let objection = try tx.objection(
                    to: zone, of: aggregate, hosts: aggregate.hosts, moving: before != zone)
                if let objection { throw Failure.invalid("Cannot \(verb) aggregate \(number). Reason: \(objection).") }
            }
            try tx.update(aggregate)
            return aggregate
        }
        return .one(changed, call)
    }

    private static func add(_ host: String, _ number: Int, _ call: Call<Compute>) async throws(Failure) -> Reply {
        let aggregate = try await call.service.database.write { tx in
            let known = try tx.computeHost(named: host)
            let aggregate = try tx.aggregate(number)
            if let zone = aggregate.zone {
                let objection = try tx.objection(to: zone, of: aggregate, hosts: [host], moving: known.zone != zone)
                if let objection {
                    throw Failure.conflict("Cannot add host to aggregate \(number). Reason: \(objection).")
                }
            }
            try tx.add(host, to: aggregate)
            return try tx.aggregate(number)
        }
        try await call.service.mirrorAggregates(of: host)
        return .one(aggregate, call)
    }

    private static func remove(_ host: String, _ number: Int, _ call: Call<Compute>) async throws(Failure) -> Reply {
        let aggregate = try await call.service.database.write { tx in
            let aggregate = try tx.aggregate(number)
            if aggregate.zone != nil, aggregate.hosts.contains(host),
                let known = try tx.computeHosts("compute_host.name = \(host)").first, known.servers > 0
            {
                throw Failure.conflict(
                    "Cannot remove host from aggregate \(number). Reason: One or more hosts contain instances in this zone."
                )
            }
            guard try tx.remove(host, from: aggregate) else {
                throw Failure(.notFound, "Cannot remove host \(host) in aggregate \(number)")
            }
            return try tx.aggregate(number)
        }
        try await call.service.mirrorAggregates(of: host)
        return .one(aggregate, call)
    }

    /// The hosts fetch them when they get to it; an image that isn't there is theirs to log.
    private static func cacheImages(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let number = try number(call)
        let images = call.body["cache"]?.array?.compactMap { $0["id"]?.string } ?? []
        guard Set(images).count == images.count else { throw .invalid("Duplicate images in request") }
        let aggregate = try await call.service.database.read { try $0.aggregate(number) }
        for host in aggregate.hosts { try await call.service.haveReady(images, on: host) }
        return Reply(202)
    }
}

extension Transaction {
    /// Why hosts cannot be in a zone: they are in another, or have servers that believe to be where they are now.
    fileprivate func objection(
        to zone: String, of aggregate: Aggregate, hosts: [String], moving: Bool
    ) throws(Failure) -> String? {
        guard !hosts.isEmpty else { return nil }
        let others = try aggregates().filter { other in
            other.number != aggregate.number && other.zone != nil && other.zone != zone
                && other.hosts.contains { hosts.contains($0) }
        }
        guard others.isEmpty else {
            return "One or more hosts already in availability zone(s) \(others.compactMap(\.zone))"
        }
        let busy = try exists(
            "SELECT 1 FROM compute_server WHERE host IN \(SQL.list(hosts)) AND state <> 'deleted' LIMIT 1")
        return moving && busy ? "One or more hosts contain instances in this zone" : nil
    }
}

extension Reply {
    fileprivate static func one(_ aggregate: Aggregate, _ call: Call<Compute>) -> Reply {
        .json { $0.object("aggregate") { aggregate.write(to: &$0, at: call.version) } }
    }
}
