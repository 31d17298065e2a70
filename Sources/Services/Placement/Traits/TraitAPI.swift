import API
import Base
import HTTP
import Policy
import SQL

extension Trait {
    static let endpoints: [Endpoint<Placement>] = [
        .get("/traits", "List traits", may: .listTraits, query: fields.parameters, since: "1.6", list),
        .get("/traits/{name}", "Tell whether there is a trait", may: .showTrait, since: "1.6", show),
        .put("/traits/{name}", "Make sure of a trait", may: .updateTrait, since: "1.6", ensure),
        .delete("/traits/{name}", "Delete a trait", may: .deleteTrait, since: "1.6", delete),
    ]

    private static let fields = Fields([.optional("name", .text), .optional("associated", .text)])
    private static let customName: Shape = .text(1...255, format: .customConstant)
}

extension Rule {
    static let listTraits = Rule("placement:traits:list", "List traits", May.operate)
    static let showTrait = Rule("placement:traits:show", "Tell whether there is a trait", May.operate)
    static let updateTrait = Rule("placement:traits:update", "Make sure of a trait", May.operate)
    static let deleteTrait = Rule("placement:traits:delete", "Delete a trait", May.operate)
}

// MARK: Handlers

extension Trait {
    static func list(_ call: Call<Placement>) async throws(Failure) -> Reply {
        try call.admitQuery(fields)
        let filter = try TraitFilter(call)
        let traits = try await call.service.database.read { try $0.traits(filter) }
        let modified = traits.contains { $0.created == nil } ? nil : traits.compactMap(\.created).max()
        return .json(headers: call.fresh(modified)) { $0.put("traits", traits.map(\.name)) }
    }

    static func show(_ call: Call<Placement>) async throws(Failure) -> Reply {
        let trait = try await call.service.database.read { try $0.trait(call["name"]) }
        return Reply(204, headers: call.fresh(trait.created))
    }

    static func ensure(_ call: Call<Placement>) async throws(Failure) -> Reply {
        let name = call["name"]
        do throws(Complaint) { try customName.check(.string(name), version: call.version) } catch {
            throw .invalid(
                "The trait is invalid. A valid trait must be no longer than 255 characters, start with the prefix "
                    + "\"CUSTOM_\" and use following characters: \"A\"-\"Z\", \"0\"-\"9\" and \"_\"")
        }
        let now = call.service.world.now
        let (trait, isNew) = try await call.service.database.write { try $0.ensureTrait(name, now: now) }
        var reply = Reply.made(at: call.link(trait.path), headers: call.fresh(trait.created))
        reply.status = isNew ? 201 : 204
        return reply
    }

    static func delete(_ call: Call<Placement>) async throws(Failure) -> Reply {
        try await call.service.database.write { try $0.deleteTrait(call["name"]) }
        return .noContent
    }
}

extension TraitFilter {
    init(_ call: Call<Placement>) throws(Failure) {
        if let text = call.last("name") {
            guard let colon = text.firstIndex(of: ":") else {
                throw .invalid(
                    "Badly formatted name parameter. Expected name query string parameter in form: "
                        + "?name=[in|startswith]:[name1,name2|prefix]. Got: \"\(text)\"")
            }
            let value = text[text.index(after: colon)...]
            switch text[..<colon] {
            case "in": names = Set(value.split(separator: ",").map(String.init))
            case "startswith": prefix = String(value)
            default: break
            }
        }
        guard let text = call.last("associated") else { return }
        switch text.lowercased() {
        case "true": isAssociated = true
        case "false": isAssociated = false
        default: throw .invalid("The query parameter \"associated\" only accepts \"true\" or \"false\"")
        }
    }
}
