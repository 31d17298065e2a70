import API
import Base
import HTTP
import Policy
import SQL

/// How a caller sees documents: the members that were asked for and that the rules let them see.
struct View: Sendable {
    private let names: [String]
    /// Members that some of the documents show and others don't.
    private let hidden: [String: Set<String>]

    init(_ resource: Resource, _ desk: Desk, of documents: [Document]) throws(Failure) {
        let wanted = Set(desk.call?.query.all("fields").filter { !$0.isEmpty } ?? [])
        let isWanted = { (name: String) in wanted.isEmpty || wanted.contains(name) }
        var names: [String] = []
        for attribute in resource.attributes where attribute.isVisible {
            if isWanted(attribute.name) { names.append(attribute.name) }
            if attribute.name == "tenant_id", isWanted("project_id") { names.append("project_id") }
        }
        let guarded = names.map { (name: $0, scope: desk.scope("get_\(resource.one):\($0)")) }
        let unseen = Set(guarded.filter { $0.scope == .nowhere }.map(\.name))
        self.names = names.filter { !unseen.contains($0) }
        var hidden: [String: Set<String>] = [:]
        var parents: [String: Document] = [:]
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
