import API
import Base
import Contracts
import SQL

/// Something that has resources, and its place in a tree of such things.
struct Provider: Sendable {
    /// The row's number, by which the other tables know it.
    let number: Int
    let id: ID<ResourceProvider>
    var name: String
    /// Counts every change of what it has or gives, so that two who change it at once notice.
    var generation: Int
    var rootNumber: Int
    var root: ID<ResourceProvider>
    var parent: ID<ResourceProvider>?
    var modified: Moment
}

extension Provider {
    /// What an endpoint's address says of its sub-resources, with the version since which there are such.
    private static let relations: [(name: String, since: Microversion)] = [
        (name: "inventories", since: "1.0"), (name: "usages", since: "1.0"), (name: "aggregates", since: "1.1"),
        (name: "traits", since: "1.6"), (name: "allocations", since: "1.11"),
    ]

    func write(to json: inout JSONWriter, _ call: Call<Placement>) {
        let link = call.prefix + path
        json.put("uuid", id)
        json.put("name", name)
        json.put("generation", generation)
        json.array("links") {
            $0.link("self", link)
            for relation in Provider.relations where call.version >= relation.since {
                $0.link(relation.name, "\(link)/\(relation.name)")
            }
        }
        guard call.version >= "1.14" else { return }
        json.put("parent_provider_uuid", parent)
        json.put("root_provider_uuid", root)
    }

    var path: String { "/resource_providers/\(id)" }
}

extension JSONWriter {
    mutating func link(_ relation: String, _ address: String) {
        object {
            $0.put("rel", relation)
            $0.put("href", address)
        }
    }
}
