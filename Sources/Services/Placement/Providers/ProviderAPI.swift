import API
import Base
import Contracts
import HTTP
import Policy
import SQL

extension Provider {
    static let endpoints: [Endpoint<Placement>] = [
        .get(
            "/resource_providers", "List resource providers", may: .listProviders,
            query: ProviderFilter.fields.parameters, list),
        .post(
            "/resource_providers", "Create a resource provider", may: .createProvider,
            takes: .object(Fields([name, .optional("uuid", Provider.uuid), parent])), create),
        .get("/resource_providers/{uuid}", "Show a resource provider", may: .showProvider, show),
        .put(
            "/resource_providers/{uuid}", "Update a resource provider", may: .updateProvider,
            takes: .object(Fields([name, parent])), update),
        .delete("/resource_providers/{uuid}", "Delete a resource provider", may: .deleteProvider, delete),
    ]

    static let uuid: Shape = .text(0...255, format: .uuidOrHex)
    private static let name: Field = .required("name", .text(1...200))
    private static let parent: Field = .optional("parent_provider_uuid", .nullable(uuid), since: "1.14")
}

extension Rule {
    static let listProviders = Rule("placement:resource_providers:list", "List resource providers", May.operate)
    static let createProvider = Rule("placement:resource_providers:create", "Create a resource provider", May.operate)
    static let showProvider = Rule("placement:resource_providers:show", "Show a resource provider", May.operate)
    static let updateProvider = Rule("placement:resource_providers:update", "Update a resource provider", May.operate)
    static let deleteProvider = Rule("placement:resource_providers:delete", "Delete a resource provider", May.operate)
}

// MARK: Handlers

extension Provider {
    static func list(_ call: Call<Placement>) async throws(Failure) -> Reply {
        let filter = try ProviderFilter(call)
        let providers = try await call.service.database.read { try $0.providers(filter) }
        return .json(headers: call.fresh(providers.map(\.modified).max())) {
            $0.array("resource_providers", of: providers) { provider, json in
                json.object { provider.write(to: &$0, call) }
            }
        }
    }

    static func show(_ call: Call<Placement>) async throws(Failure) -> Reply {
        let provider = try await call.service.database.read { try $0.provider(call.id("uuid")) }
        return reply(provider, call)
    }

    static func create(_ call: Call<Placement>) async throws(Failure) -> Reply {
        let body = call.body.object ?? JSON.Object()
        let name = try body.required("name")
        let id: ID<ResourceProvider> = body.uuid("uuid") ?? .uuid(call.service.world.chance)
        let now = call.service.world.now
        let provider: Provider
        do throws(Failure) {
            provider = try await call.service.database.write {
                try $0.insertProvider(id, name: name, parent: body.uuid("parent_provider_uuid"), now: now)
            }
        } catch  where error.kind == .invalid {
            throw error.within("Unable to create resource provider \"\(name)\", \(id)")
        }
        guard call.version >= "1.20" else { return .made(at: call.link(provider.path)) }
        var made = reply(provider, call)
        made.headers.append("Location", call.link(provider.path))
        return made
    }

    static func update(_ call: Call<Placement>) async throws(Failure) -> Reply {
        let body = call.body.object ?? JSON.Object()
        let name = try body.required("name")
        let now = call.service.world.now
        let parent: ID<ResourceProvider>?? = body.has("parent_provider_uuid") ? body.uuid("parent_provider_uuid") : nil
        do throws(Failure) {
            let provider = try await call.service.database.write { tx in
                try tx.updateProvider(
                    try tx.provider(call.id("uuid")), name: name, parent: parent, mayMove: call.version >= "1.37",
                    now: now)
            }
            return reply(provider, call)
        } catch  where error.kind == .invalid {
            throw error.within("Unable to save resource provider \(call["uuid"])")
        }
    }

    static func delete(_ call: Call<Placement>) async throws(Failure) -> Reply {
        try await call.service.database.write { try $0.deleteProvider(call.id("uuid")) }
        return .noContent
    }

    private static func reply(_ provider: Provider, _ call: Call<Placement>) -> Reply {
        .json(headers: call.fresh(provider.modified)) { provider.write(to: &$0, call) }
    }
}

extension JSON.Object {
    /// A UUID in its usual spelling, whichever it came in.
    func uuid<Thing>(_ name: String) -> ID<Thing>? { text(name).flatMap { UUID($0) }.map { ID($0.dashed) } }
}
