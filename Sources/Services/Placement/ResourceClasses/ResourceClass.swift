import API
import Base
import SQL

/// A kind of resource: one that every cloud knows, or one of an operator's own (`CUSTOM_…`).
struct ResourceClass: Sendable {
    let name: String
    /// Nil for those that have always been there.
    var created: Moment?

    var path: String { "/resource_classes/\(name)" }

    func write(to json: inout JSONWriter, _ call: Call<Placement>) {
        json.put("name", name)
        json.array("links") { $0.link("self", call.prefix + path) }
    }
}
