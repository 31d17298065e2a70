import API
import Base
import Policy
import SQL

/// A kind of thing in the API: its names, its attributes, and the few functions that hold its real rules.
///
/// Everything else about it (reading bodies, permissions down to single members, filters, sorting, pages, bulk, tags,
/// quotas, revisions) follows from this description and is written once, in this folder.
final class Resource: Sendable {
    /// What must be there before a project's first look.
    typealias Prepare = @Sendable (_ call: Call<Network>) async throws(Failure) -> Void
    typealias Create = @Sendable (_ draft: inout Document, _ desk: Desk) throws(Failure) -> Void
    typealias Update = @Sendable (_ changes: inout Document, _ before: Document, _ desk: Desk) throws(Failure) -> Void
    typealias Delete = @Sendable (_ document: Document, _ desk: Desk) throws(Failure) -> Void
    /// Fills in, for many documents at once, what isn't kept in their own rows.
    typealias Derive = @Sendable (_ documents: inout [Document], _ desk: Desk) throws(Failure) -> Void

    /// The thing that a thing stands in, whose owner has a say too: a port's network.
    struct Parent: Sendable {
        let resource: Resource
        /// The attribute that names it.
        let key: String
        let column: StaticString
        /// How rules speak of it: `network:project_id`.
        let prefix: String
        /// Its attributes that rules about the child ask for as if they were the child's own.
        let lends: Set<String>
    }

    let one: String
    let many: String
    let path: String
    let table: StaticString
    let attributes: [Attribute]
    let parent: Parent?
    let missing: @Sendable (String) -> Failure
    /// How many one project may have by default; -1 is without limit, nil is uncounted.
    let quota: Int?
    let isTagged: Bool
    let prepare: Prepare?
    let create: Create?
    let update: Update?
    let delete: Delete?
    let derive: Derive?
    let sources: Sources?
    /// The members that documents show, each with the rule about seeing it where it has one of its own.
    let shown: [(name: String, rule: Rule?)]
    private let places: [String: Int]

    init(
        _ one: String, _ many: String, path: String? = nil, table: StaticString, parent: Parent? = nil,
        quota: Int? = nil, isTagged: Bool = false, missing: @escaping @Sendable (String) -> Failure,
        attributes: [Attribute], prepare: Prepare? = nil, create: Create? = nil, update: Update? = nil,
        delete: Delete? = nil, derive: Derive? = nil, sources: Sources? = nil
    ) {
        self.one = one
        self.many = many
        self.path = "/" + (path ?? many)
        self.table = table
        self.parent = parent
        self.quota = quota
        self.isTagged = isTagged
        self.missing = missing
        let tags = Attribute("tags", nil, set: .create, .list(of: .text(0...255)))
        self.attributes = isTagged ? attributes + [tags] : attributes
        self.prepare = prepare
        self.create = create
        self.update = update
        self.delete = delete
        self.derive = derive
        self.sources = sources
        var shown: [(name: String, rule: Rule?)] = []
        for attribute in self.attributes where attribute.isVisible {
            for name in attribute.name == "tenant_id" ? ["tenant_id", "project_id"] : [attribute.name] {
                shown.append((name, Rule.network["get_\(one):\(name)"]))
            }
        }
        self.shown = shown
        places = Dictionary(
            self.attributes.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    func attribute(_ name: String) -> Attribute? {
        places[name == "project_id" ? "tenant_id" : name].map { attributes[$0] }
    }

    var isRevised: Bool { places["revision_number"] != nil }
    var isTimed: Bool { places["created_at"] != nil }

    /// The condition under which a thing's attribute is one of the values: what both filters and permissions come to.
    /// Nil for what cannot be asked.
    func narrow(_ name: String, _ values: [String], _ viewer: Viewer) -> SQL? {
        if let condition = attribute(name)?.condition(values, viewer) { return condition }
        guard let parent, let name = parent.name(of: name),
            let condition = parent.resource.narrow(name, values, viewer)
        else { return nil }
        return "\(SQL.raw(parent.column)) IN (SELECT id FROM \(SQL.raw(parent.resource.table)) WHERE \(condition))"
    }

    /// Where a caller may look, as a condition on the rows.
    func within(_ scope: Scope, _ viewer: Viewer) -> SQL {
        scope.condition { name, value in
            guard let value else { return nil }
            return self.narrow(name, [value], viewer)
        }
    }
}

extension Resource.Parent {
    /// What the parent calls an attribute that a rule asks of the child.
    func name(of name: String) -> String? {
        if name.hasPrefix(prefix + ":") { return String(name.dropFirst(prefix.count + 1)) }
        return lends.contains(name) ? name : nil
    }
}

/// Whose eyes a thing is seen with: what is shared with one is not with another.
struct Viewer: Sendable {
    let project: String
    let isAdmin: Bool
}
