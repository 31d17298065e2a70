import API
import Base
import HTTP
import Policy
import SQL

extension EndpointGroup {
    static let endpoints: [Endpoint<Identity>] =
        [
            .get(
                "/OS-EP-FILTER/endpoint_groups", "List endpoint groups", may: .listEndpointGroups,
                query: [Parameter("name")] + paging, list),
            .post(
                "/OS-EP-FILTER/endpoint_groups", "Create an endpoint group", may: .createEndpointGroup,
                takes: .wrapped("endpoint_group", fields), create),
            .get(
                "/OS-EP-FILTER/endpoint_groups/{endpoint_group_id}", "Show an endpoint group",
                may: .getEndpointGroup, show),
            .patch(
                "/OS-EP-FILTER/endpoint_groups/{endpoint_group_id}", "Update an endpoint group",
                may: .updateEndpointGroup,
                takes: .wrapped("endpoint_group", fields.map(\.asOptional) + [.optional("id", .text)]), update),
            .delete(
                "/OS-EP-FILTER/endpoint_groups/{endpoint_group_id}", "Delete an endpoint group",
                may: .deleteEndpointGroup, delete),
            .get(
                "/OS-EP-FILTER/endpoint_groups/{endpoint_group_id}/endpoints", "List the endpoints in a group",
                may: .listEndpointsInGroup, listEndpoints),
        ] + EndpointFilter.endpoints

    private static let fields: [Field] = [
        .required("name", .text(1...255, format: .name)), .optional("description", .description),
        .required(
            "filters",
            .object(
                Fields([
                    .optional("service_id", .text(1...64)), .optional("region_id", .text(1...255)),
                    .optional("interface", .choice(CatalogEndpoint.Interface.allCases.map(\.rawValue))),
                ]))),
    ]
}

extension Rule {
    static let listEndpointGroups = Rule(
        "identity:list_endpoint_groups", "List endpoint groups", May.adminOrSystemReader, for: [.system, .project])
    static let getEndpointGroup = Rule(
        "identity:get_endpoint_group", "Show an endpoint group", May.adminOrSystemReader, for: [.system, .project])
    static let createEndpointGroup = Rule(
        "identity:create_endpoint_group", "Create an endpoint group", May.admin, for: [.system, .project])
    static let updateEndpointGroup = Rule(
        "identity:update_endpoint_group", "Update an endpoint group", May.admin, for: [.system, .project])
    static let deleteEndpointGroup = Rule(
        "identity:delete_endpoint_group", "Delete an endpoint group", May.admin, for: [.system, .project])
    static let listEndpointsInGroup = Rule(
        "identity:list_endpoints_associated_with_endpoint_group", "List the endpoints in a group",
        May.adminOrSystemReader, for: [.system, .project])
}

// MARK: Handlers

extension EndpointGroup {
    static func list(_ call: Call<Identity>) async throws(Failure) -> Reply {
        .many(try await call.service.database.read { try $0.endpointGroups(call.listing) }, call)
    }

    static func show(_ call: Call<Identity>) async throws(Failure) -> Reply {
        .one(try await call.service.database.read { try $0.endpointGroup(call.id("endpoint_group_id")) }, call)
    }

    static func create(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let group = try EndpointGroup(try call.fields(one), id: .hex(call.service.world.chance))
        try await call.service.writeCatalog { try $0.insert(group) }
        return .one(group, call, status: 201)
    }

    static func update(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let body = try call.fields(one)
        let group = try await call.service.writeCatalog { tx in
            var group = try tx.endpointGroup(call.id("endpoint_group_id"))
            if let given = body.text("id"), given != group.id.text {
                throw Failure.invalid("Cannot change endpoint group ID.")
            }
            group.change(body)
            try tx.update(group)
            return group
        }
        return .one(group, call)
    }

    static func delete(_ call: Call<Identity>) async throws(Failure) -> Reply {
        try await call.service.writeCatalog { try $0.deleteEndpointGroup(call.id("endpoint_group_id")) }
        return .noContent
    }

    static func listEndpoints(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let endpoints = try await call.service.database.read { tx in
            try tx.endpoints(in: try tx.endpointGroup(call.id("endpoint_group_id")))
        }
        return .many(endpoints, call)
    }
}
