import Base
import SQL

/// What a client put into a thing beyond the fields that the reference names. Identity keeps it and gives it back.
struct Extra: Sendable, Hashable {
    var members: JSON.Object

    init(_ members: JSON.Object = JSON.Object()) { self.members = members }

    /// What of a body is none of the known fields.
    init(of body: JSON.Object, except known: Set<String>) {
        members = JSON.Object(body.members.filter { !known.contains($0.name) && $0.name != "links" })
    }

    init(_ text: String) throws(Failure) {
        // Nearly all have none.
        guard text != "{}" else {
            members = JSON.Object()
            return
        }
        guard case .object(let object) = try JSONReader.read(text) else {
            throw .bug("Extra attributes are no object.")
        }
        members = object
    }

    /// With the changes of an update.
    func merging(_ other: Extra) -> Extra {
        var merged = members
        for member in other.members.members { merged[member.name] = member.value }
        return Extra(merged)
    }

    func write(to json: inout JSONWriter) {
        for member in members.members { json.put(member.name, member.value) }
    }
}

extension Extra: SQL.Bindable {
    var bound: SQL.Value { .text(JSON.object(members).text) }
}

extension Row {
    func extra(_ column: StaticString) throws(Failure) -> Extra { try Extra(text(column)) }
}
