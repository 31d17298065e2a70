import API
import Base
import Policy
import SQL

extension CatalogEndpoint {
    static let endpoints: [Endpoint<Identity>] = [
        .get(
            "/endpoints", "List endpoints", may: .listEndpoints,
            query: [Parameter("interface"), Parameter("service_id"), Parameter("region_id")], list),
        .post(
            "/endpoints", "Create an endpoint", may: .createEndpoint,
            takes: .wrapped("endpoint", required + optional, others: .allowed), create),
        .get("/endpoints/{endpoint_id}", "Show an endpoint", may: .getEndpoint, show),
        .patch(
            "/endpoints/{endpoint_id}", "Update an endpoint", may: .updateEndpoint,
            takes: .wrapped("endpoint", required.map(\.asOptional) + optional, others: .allowed), update),
        .delete("/endpoints/{endpoint_id}", "Delete an endpoint", may: .deleteEndpoint, delete),
    ]

    private static let required: [Field] = [
        .required("interface", .choice(Interface.allCases.map(\.rawValue))), .required("service_id", .text(1...64)),
        .required("url", .text(1...2_048)),
    ]

    private static let optional: [Field] = [
        .optional("region_id", .nullable(.text(0...255))), .optional("region", .nullable(.text(0...255))),
        .optional("enabled", .boolean), .optional("name", .text), .optional("description", .text),
    ]
}

extension Rule {
    static let getEndpoint = Rule(
        "identity:get_endpoint", "Show an endpoint", May.adminOrSystemReader, for: [.system, .project])
    static let listEndpoints = Rule(
        "identity:list_endpoints", "List endpoints", May.adminOrSystemReader, for: [.system, .project])
    static let createEndpoint = Rule(
        "identity:create_endpoint", "Create an endpoint", May.admin, for: [.system, .project])
    static let updateEndpoint = Rule(
        "identity:update_endpoint", "Update an endpoint", May.admin, for: [.system, .project])
    static let deleteEndpoint = Rule(
        "identity:delete_endpoint", "Delete an endpoint", May.admin, for: [.system, .project])
}

// MARK: Handlers

extension CatalogEndpoint {
    static func list(_ call: Call<Identity>) async throws(Failure) -> Reply {
        .many(try await call.service.database.read { try $0.endpoints(call.query) }, call)
    }

    static func show(_ call: Call<Identity>) async throws(Failure) -> Reply {
        .one(try await call.service.database.read { try $0.endpoint(call.id("endpoint_id")) }, call)
    }

    static func create(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let body = try call.fields("endpoint")
        let endpoint = try CatalogEndpoint(body, id: .hex(call.service.world.chance))
        try await call.service.writeCatalog { tx in
            try tx.ensureRegion(namedIn: body)
            try tx.insert(endpoint)
        }
        return .one(endpoint, call, status: 201)
    }

    static func update(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let body = try call.fields("endpoint")
        let endpoint = try await call.service.writeCatalog { tx in
            var endpoint = try tx.endpoint(call.id("endpoint_id"))
            try tx.ensureRegion(namedIn: body)
            try endpoint.change(body)
            try tx.update(endpoint)
            return endpoint
        }
        return .one(endpoint, call)
    }

    static func delete(_ call: Call<Identity>) async throws(Failure) -> Reply {
        try await call.service.writeCatalog { try $0.deleteEndpoint(call.id("endpoint_id")) }
        return .noContent
    }
}
