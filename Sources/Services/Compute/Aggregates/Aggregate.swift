import API
import Base

/// Hosts that an administrator has put together: by what they have, by whom they are for, or as an availability zone.
struct Aggregate: Sendable, Hashable {
    let number: Int
    /// Under which placement knows it.
    let id: ID<Aggregate>
    var name: String
    var metadata: JSON.Object
    let created: Moment
    var updated: Moment?
    var hosts: [String] = []

    /// Being a zone is said by metadata, as clients have always set it.
    static let zoneKey = "availability_zone"
    var zone: String? { metadata.text(Aggregate.zoneKey) }
}

extension Aggregate {
    /// - Parameter isNew: the answer to a creation has never had hosts and metadata.
    func write(to json: inout JSONWriter, at version: Microversion, isNew: Bool = false) {
        json.put("id", number)
        if version >= "2.41" { json.put("uuid", id) }
        json.put("name", name)
        json.put("availability_zone", zone)
        if !isNew {
            json.put("hosts", hosts)
            json.put("metadata", .object(metadata))
        }
        json.put("created_at", created, as: .bare)
        json.put("updated_at", updated, as: .bare)
        json.put("deleted", false)
        json.putNull("deleted_at")
    }

    /// Sets what has a value and removes what has none.
    mutating func change(_ changes: JSON.Object) {
        for change in changes.members {
            metadata[change.name] = change.value.isNull ? Optional<JSON>.none : change.value
        }
    }
}
