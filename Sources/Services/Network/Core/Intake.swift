import API
import Base
import HTTP
import Policy

/// What a body asks for, checked against a resource's attributes and brought into one spelling.
struct Intake {
    let resource: Resource
    let call: Call<Network>

    /// The things to be made: one, or many at once.
    func drafts() throws(Failure) -> (drafts: [Draft], isBulk: Bool) {
        if let bodies = call.body[resource.many] {
            guard let array = bodies.array, !array.isEmpty else { throw malformed("Resource body required") }
            var drafts: [Draft] = []
            for body in array {
                // Elements may be wrapped once more, as some old clients do.
                guard let object = (body[resource.one] ?? body).object else { throw malformed("Invalid body") }
                drafts.append(try draft(object))
            }
            return (drafts, true)
        }
        return ([try draft(try single())], false)
    }

    func changes() throws(Failure) -> Document {
        let body = try single()
        try refuseUnknown(body, for: .update)
        var changes = Document()
        for member in body.members {
            guard let attribute = resource.attribute(member.name) else { continue }
            changes[attribute.name] = try attribute.normalised(member.value)
        }
        return changes
    }

    private func single() throws(Failure) -> JSON.Object {
        guard let object = call.body[resource.one]?.object else {
            throw malformed("Unable to find '\(resource.one)' in request body")
        }
        return object
    }

    private func malformed(_ message: String) -> Failure { .wrong("HTTPBadRequest", message) }

    /// A thing to be made, and what its maker said of it, as opposed to what holds by default.
    struct Draft {
        var document: Document
        let said: [String]
    }

    func draft(_ body: JSON.Object) throws(Failure) -> Draft {
        var body = body
        if let project = body["project_id"], let tenant = body["tenant_id"], project != tenant {
            throw malformed("'project_id' and 'tenant_id' do not match")
        }
        if let project = body["project_id"] {
            body["tenant_id"] = project
            body["project_id"] = nil
        }
        try refuseUnknown(body, for: .create)
        var document = Document()
        document["id"] = .string(UUID(call.service.world.chance).dashed)
        for attribute in resource.attributes where attribute.settable.contains(.create) {
            if let value = body[attribute.name] {
                document[attribute.name] = try attribute.normalised(value)
            } else {
                switch attribute.absent {
                case .required:
                    throw malformed("Failed to parse request. Required attribute '\(attribute.name)' not specified")
                case .value(let value): document[attribute.name] = value
                case .nothing: break
                }
            }
        }
        try fillProject(&document)
        return Draft(document: document, said: body.names)
    }

    private func fillProject(_ document: inout Document) throws(Failure) {
        guard resource.attribute("tenant_id") != nil else { return }
        let own = call.caller.projectID ?? ""
        document.fill("tenant_id", .string(own))
        guard document.project == own || call.allows(.contextIsAdmin) || call.caller.has(role: "service") else {
            throw malformed(
                "Specifying 'project_id' other than the authenticated project in request requires admin privileges")
        }
    }

    private func refuseUnknown(_ body: JSON.Object, for moment: Attribute.Settable) throws(Failure) {
        let unknown = body.names.filter { resource.attribute($0) == nil }
        guard unknown.isEmpty else {
            throw malformed("Unrecognized attribute(s) '\(unknown.joined(separator: ", "))'")
        }
        let verb = moment == .create ? "POST" : "PUT"
        for name in body.names where resource.attribute(name)?.settable.contains(moment) == false {
            throw malformed("Attribute '\(name)' not allowed in \(verb)")
        }
    }
}
