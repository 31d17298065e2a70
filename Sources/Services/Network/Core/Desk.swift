import API
import Base
import Policy
import SQL

/// One request at work within one transaction: the store, who asks, and the time it happens at.
struct Desk {
    let tx: Transaction
    let service: Network
    /// Nil when the cloud itself is at work, which may do everything.
    let call: Call<Network>?
    let now: Moment
    /// What the things that are being made are to stand in, by id.
    var homes: [String: Document] = [:]

    init(_ tx: Transaction, _ service: Network, _ call: Call<Network>? = nil) {
        self.tx = tx
        self.service = service
        self.call = call
        now = service.world.now
    }

    var viewer: Viewer { Viewer(project: call?.caller.projectID ?? "", isAdmin: isAdmin) }
    var isAdmin: Bool { call.map { $0.allows(.contextIsAdmin) } ?? true }
    func newID() -> String { UUID(service.world.chance).dashed }
}

// MARK: Permission

extension Desk {
    /// What a rule may ask about: the thing, and the one it stands in.
    struct Target {
        let own: Document
        let parent: (document: Document, names: Resource.Parent)?

        func attribute(_ name: String) -> String? {
            if let parent, let name = parent.names.name(of: name) { return parent.document.attribute(name) }
            return own.attribute(name)
        }
    }

    func target(_ resource: Resource, _ document: Document) throws(Failure) -> Target {
        var parents: [String: Document] = [:]
        return try target(resource, document, among: &parents)
    }

    /// The same for many things, whose parents are looked up once each.
    func target(
        _ resource: Resource, _ document: Document, among parents: inout [String: Document]
    ) throws(Failure) -> Target {
        guard let parent = resource.parent, let id = document.text(parent.key) else {
            return Target(own: document, parent: nil)
        }
        let found = if let known = parents[id] { known } else { try get(parent.resource, id) }
        parents[id] = found
        return Target(own: document, parent: (found, parent))
    }

    /// Where there is no such rule, whoever may do the whole may do the part.
    func scope(_ rule: String) -> Scope { scope(Rule.network[rule]) }

    func scope(_ rule: Rule?) -> Scope {
        guard let call, let rule else { return .everywhere }
        return call.scope(under: rule)
    }

    func allows(_ rule: String, of target: Target) -> Bool { scope(rule).covers { target.attribute($0) } }

    func require(_ rule: String, of target: Target) throws(Failure) {
        guard allows(rule, of: target) else { throw .refused(rule) }
    }

    /// How far the caller may see things of a kind.
    func reach(_ resource: Resource) -> SQL {
        resource.within(scope("get_\(resource.one)"), viewer)
    }
}

// MARK: Rows

extension Desk {
    /// The rows as documents, without what has to be worked out.
    func rows(_ resource: Resource, where condition: SQL, then order: SQL = "") throws(Failure) -> [Document] {
        let kept = resource.attributes.filter { $0.kept != nil }
        return try tx.rows("SELECT * FROM \(SQL.raw(resource.table)) WHERE \(condition)\(order)") { row in
            var document = Document()
            document.members.reserveCapacity(resource.attributes.count)
            for attribute in kept {
                document.members.append(JSON.Member(name: attribute.name, value: try attribute.value(row)))
            }
            return document
        }
    }

    /// The whole documents.
    func documents(_ resource: Resource, where condition: SQL, then order: SQL = "") throws(Failure) -> [Document] {
        try complete(resource, try rows(resource, where: condition, then: order))
    }

    func complete(_ resource: Resource, _ rows: [Document]) throws(Failure) -> [Document] {
        var documents = rows
        guard !documents.isEmpty else { return documents }
        if resource.isTagged { try addTags(to: &documents) }
        try addSharing(resource, to: &documents)
        try resource.derive?(&documents, self)
        return documents
    }

    func find(_ resource: Resource, _ id: String) throws(Failure) -> Document? {
        try documents(resource, where: "id = \(id)").first
    }

    /// A thing that is there, whoever may see it.
    func get(_ resource: Resource, _ id: String) throws(Failure) -> Document {
        guard let document = try find(resource, id) else { throw resource.missing(id) }
        return document
    }

    /// What a new thing is to stand in, if the caller may see it. Who was to be admitted there had it looked up already.
    func home(_ resource: Resource, _ id: String) throws(Failure) -> Document {
        guard let known = homes[id] else { return try visible(resource, id) }
        let mayBeSeen: SQL = "id = \(id) AND (\(reach(resource)))"
        guard try tx.exists("SELECT 1 FROM \(SQL.raw(resource.table)) WHERE \(mayBeSeen)") else {
            throw resource.missing(id)
        }
        return known
    }

    /// A thing that is there and that the caller may see.
    func visible(_ resource: Resource, _ id: String) throws(Failure) -> Document {
        guard let document = try documents(resource, where: "id = \(id) AND (\(reach(resource)))").first else {
            throw resource.missing(id)
        }
        return document
    }

    func insert(_ resource: Resource, _ document: Document) throws(Failure) {
        tx.afterCommit(service.changed)
        var row: [(key: StaticString, value: any SQL.Bindable)] = []
        row.reserveCapacity(resource.attributes.count)
        for attribute in resource.attributes where attribute.kept != nil && attribute.kept != .moment {
            let value: JSON = attribute.name == "revision_number" ? 0 : document[attribute.name] ?? .null
            row.append((attribute.column, attribute.bound(value)))
        }
        if resource.isTimed { row += [("created_at", now), ("updated_at", now)] }
        try tx.run(.insert(into: resource.table, each: row))
        if resource.isTagged { try setTags(of: document.id, resource, document.texts("tags")) }
        if document.flag("shared"), resource.attribute("shared")?.kept == nil {
            try share(resource, document.id, of: document.project)
        }
    }

    /// Writes the members that are given, and counts the revision.
    func change(_ resource: Resource, _ id: String, _ changes: Document) throws(Failure) {
        tx.afterCommit(service.changed)
        var settings: [SQL] = []
        for attribute in resource.attributes where attribute.kept != nil && attribute.kept != .moment {
            guard attribute.name != "revision_number", let value = changes[attribute.name] else { continue }
            settings.append("\(SQL.raw(attribute.column)) = \(attribute.bound(value))")
        }
        if resource.isRevised { settings += ["revision_number = revision_number + 1", "updated_at = \(now)"] }
        guard !settings.isEmpty else { return }
        try tx.run("UPDATE \(SQL.raw(resource.table)) SET \(.joined(settings, by: ", ")) WHERE id = \(id)")
    }

    /// Something that belongs to it has changed.
    func touch(_ resource: Resource, _ id: String) throws(Failure) { try change(resource, id, Document()) }

    func remove(_ resource: Resource, _ id: String) throws(Failure) {
        tx.afterCommit(service.changed)
        try tx.run("DELETE FROM network_tag WHERE object_id = \(id)")
        try tx.run("DELETE FROM network_rbac WHERE object_id = \(id)")
        try tx.run("DELETE FROM \(SQL.raw(resource.table)) WHERE id = \(id)")
    }
}

// MARK: Things that make things

extension Desk {
    /// Makes a thing on the cloud's own account, with a resource's defaults for what isn't said.
    @discardableResult
    func make(_ resource: Resource, _ given: Document) throws(Failure) -> Document {
        var draft = given
        draft.fill("id", .string(newID()))
        draft.fill("tenant_id", "")
        for attribute in resource.attributes {
            if case .value(let value) = attribute.absent { draft.fill(attribute.name, value) }
        }
        try resource.insertion(&draft, self)
        return draft
    }
}

extension Resource {
    func insertion(_ draft: inout Document, _ desk: Desk) throws(Failure) {
        if let create { try create(&draft, desk) } else { try desk.insert(self, draft) }
    }
}
