import API
import Base
import Policy
import SQL

/// Which projects may use a flavor that isn't public.
enum FlavorAccess {
    static let endpoints: [Endpoint<Compute>] = [
        .get("/flavors/{flavor_id}/os-flavor-access", "List who may use a flavor", may: .listFlavorAccess, list),
        .post(
            "/flavors/{flavor_id}/action", "Give or take access to a flavor", may: .addFlavorAccess, takes: shape, act),
    ]

    private static let project: Shape = .object(Fields([.required("tenant", .text(1...255))]))
    private static let shape: Shape = .object(
        Fields([.optional("addTenantAccess", project), .optional("removeTenantAccess", project)]))

    private static func list(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let (flavor, projects) = try await call.service.database.read { tx in
            let flavor = try tx.flavor(call.id("flavor_id"), call.flavorReach)
            return (flavor, try tx.projects(with: flavor.id))
        }
        guard !flavor.isPublic else { throw Failure(.notFound, "Access list not available for public flavors.") }
        return reply(flavor, projects)
    }

    private static func act(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let adding = call.body["addTenantAccess"]?["tenant"]?.string
        let removing = call.body["removeTenantAccess"]?["tenant"]?.string
        if removing != nil { try call.require(.removeFlavorAccess) }
        let (flavor, projects) = try await call.service.database.write { tx in
            let flavor = try tx.flavor(call.id("flavor_id"), call.flavorReach)
            if let adding {
                guard !flavor.isPublic else { throw Failure.conflict("Can not add access to a public flavor.") }
                try tx.give(flavor.id, to: adding)
            } else if let removing {
                try tx.take(flavor.id, from: removing)
            } else {
                throw Failure.invalid("The body must have addTenantAccess or removeTenantAccess.")
            }
            return (flavor, try tx.projects(with: flavor.id))
        }
        return reply(flavor, projects)
    }

    private static func reply(_ flavor: Flavor, _ projects: [String]) -> Reply {
        .json { json in
            json.array("flavor_access", of: projects) { project, json in
                json.object {
                    $0.put("flavor_id", flavor.id)
                    $0.put("tenant_id", project)
                }
            }
        }
    }
}

extension Rule {
    static let listFlavorAccess = Rule("os_compute_api:os-flavor-access", "List who may use a flavor", May.admin)
    static let addFlavorAccess = Rule(
        "os_compute_api:os-flavor-access:add_tenant_access", "Give access to a flavor", May.admin)
    static let removeFlavorAccess = Rule(
        "os_compute_api:os-flavor-access:remove_tenant_access", "Take access to a flavor", May.admin)
}
