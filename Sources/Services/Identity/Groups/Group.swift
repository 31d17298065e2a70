import Base

/// Users who are granted roles together.
struct Group: Resource, Hashable {
    static let one = "group"
    static let many = "groups"

    let id: ID<Group>
    var name: String
    let domain: ID<Domain>
    var description: String
    var extra: Extra
}

extension Group {
    static let known: Set<String> = ["id", "name", "domain_id", "description"]

    init(_ body: JSON.Object, id: ID<Group>, domain: ID<Domain>) throws(Failure) {
        self.init(
            id: id, name: try body.required("name").trimmed, domain: domain,
            description: body.text("description") ?? "",
            extra: Extra(of: body, except: Group.known))
    }

    mutating func change(_ body: JSON.Object) throws(Failure) {
        if let given = body.text("domain_id"), given != domain.text { throw .invalid("Cannot change Domain ID.") }
        if let name = body.text("name") { self.name = name.trimmed }
        if body.has("description") { description = body.text("description") ?? "" }
        extra = extra.merging(Extra(of: body, except: Group.known))
    }

    func write(to json: inout JSONWriter) {
        json.put("id", id)
        json.put("name", name)
        json.put("domain_id", domain)
        json.put("description", description)
        extra.write(to: &json)
    }

    func attribute(_ name: String) -> String? {
        switch name {
        case "target.group.id", "group_id": id.text
        case "target.group.domain_id", "target.domain_id": domain.text
        default: nil
        }
    }
}
