import API
import Base
import HTTP
import Policy
import SQL

/// How a caller sees documents: the members that were asked for and that the rules let them see.
struct View: Sendable {
    let names: [String]
    /// Members that some of the documents show and others don't.
    private let hidden: [String: Set<String>]

    /// What the caller may see of things of a kind, whichever they are; nil where it depends on the thing.
    init?(alike resource: Resource, _ desk: Desk) {
        let guarded = View.guarded(resource, desk)
        guard guarded.allSatisfy({ $0.scope == .everywhere || $0.scope == .nowhere }) else { return nil }
        names = guarded.filter { $0.scope == .everywhere }.map(\.name)
        hidden = [:]
    }

    /// The members that were asked for, and how far each may be seen.
    private static func guarded(_ resource: Resource, _ desk: Desk) -> [(name: String, scope: Scope)] {
        let wanted = Set(desk.call?.query.all("fields").filter { !$0.isEmpty } ?? [])
        let names = wanted.isEmpty ? resource.shown : resource.shown.filter { wanted.contains($0.name) }
        return names.map { (name: $0.name, scope: desk.scope($0.rule)) }
    }

    /// - Parameter parents: those that have been looked up already.
    init(
        _ resource: Resource, _ desk: Desk, of documents: [Document], among parents: [String: Document] = [:]
    ) throws(Failure) {
        let guarded = View.guarded(resource, desk)
        names = guarded.filter { $0.scope != .nowhere }.map(\.name)
        var hidden: [String: Set<String>] = [:]
        var parents = parents
        let depending = guarded.filter { $0.scope != .nowhere && $0.scope != .everywhere }
        for document in depending.isEmpty ? [] : documents {
            let target = try desk.target(resource, document, among: &parents)
            let out = depending.filter { !$0.scope.covers { target.attribute($0) } }
            if !out.isEmpty { hidden[document.id] = Set(out.map(\.name)) }
        }
        self.hidden = hidden
    }

    func write(_ document: Document, to json: inout JSONWriter) {
        let unseen = hidden[document.id] ?? []
        json.object {
            for name in names where !unseen.contains(name) {
                $0.put(name, document[name == "project_id" ? "tenant_id" : name] ?? .null)
            }
        }
    }
}
