import API
import Base
import Policy
import SQL

extension CatalogService {
    static let endpoints: [Endpoint<Identity>] = [
        .get("/services", "List services", may: .listServices, query: [Parameter("name"), Parameter("type")], list),
        .post(
            "/services", "Create a service", may: .createService, takes: body(.required("type", .text(1...255))), create
        ),
        .get("/services/{service_id}", "Show a service", may: .getService, show),
        .patch(
            "/services/{service_id}", "Update a service", may: .updateService,
            takes: body(.optional("type", .text(1...255))),
            update),
        .delete("/services/{service_id}", "Delete a service", may: .deleteService, delete),
    ]

    private static func body(_ more: Field) -> Shape {
        .wrapped(
            "service", [more, .optional("name", .text(0...255)), .optional("enabled", .boolean)], others: .allowed)
    }
}

extension Rule {
    static let getService = Rule(
        "identity:get_service", "Show a service", May.adminOrSystemReader, for: [.system, .project])
    static let listServices = Rule(
        "identity:list_services", "List services", May.adminOrSystemReader, for: [.system, .project])
    static let createService = Rule("identity:create_service", "Create a service", May.admin, for: [.system, .project])
    static let updateService = Rule("identity:update_service", "Update a service", May.admin, for: [.system, .project])
    static let deleteService = Rule("identity:delete_service", "Delete a service", May.admin, for: [.system, .project])
}

// MARK: Handlers

extension CatalogService {
    static func list(_ call: Call<Identity>) async throws(Failure) -> Reply {
        .many(try await call.service.database.read { try $0.services(call.query) }, call)
    }

    static func show(_ call: Call<Identity>) async throws(Failure) -> Reply {
        .one(try await call.service.database.read { try $0.service(call.id("service_id")) }, call)
    }

    static func create(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let service = try CatalogService(call.fields("service"), id: .hex(call.service.world.chance))
        try await call.service.writeCatalog { try $0.insert(service) }
        return .one(service, call, status: 201)
    }

    static func update(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let body = try call.fields("service")
        let service = try await call.service.writeCatalog { tx in
            var service = try tx.service(call.id("service_id"))
            service.change(body)
            try tx.update(service)
            return service
        }
        return .one(service, call)
    }

    static func delete(_ call: Call<Identity>) async throws(Failure) -> Reply {
        try await call.service.writeCatalog { try $0.deleteService(call.id("service_id")) }
        return .noContent
    }
}
