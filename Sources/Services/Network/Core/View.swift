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
        self.names = names
        var hidden: [String: Set<String>] = [:]
        let guarded = names.filter { Rule.network["get_\(resource.one):\($0)"] != nil }
        if !guarded.isEmpty {
            for document in documents {
                let target = try desk.target(resource, document)
                let unseen = guarded.filter { !desk.allows("get_\(resource.one):\($0)", of: target) }
                if !unseen.isEmpty { hidden[document.id] = Set(unseen) }
            }
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
