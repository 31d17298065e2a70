import API
import Base
import Policy
import SQL

/// What a flavor asks of hosts and hypervisors beyond its sizes.
enum FlavorExtraSpecs {
    static let endpoints: [Endpoint<Compute>] = [
        Endpoint("GET", path, "List a flavor's extra specs", access: .decided(by: [.listFlavorExtraSpecs]), list),
        .post(
            path, "Set extra specs of a flavor", may: .createFlavorExtraSpecs,
            takes: .object(Fields([.required("extra_specs", specs)])), create),
        Endpoint("GET", path + "/{key}", "Show an extra spec", access: .decided(by: [.showFlavorExtraSpecs]), show),
        .put(path + "/{key}", "Set an extra spec", may: .updateFlavorExtraSpecs, takes: specs, update),
        .delete(path + "/{key}", "Remove an extra spec", may: .deleteFlavorExtraSpecs, delete),
    ]

    private static let path = "/flavors/{flavor_id}/os-extra_specs"
    private static let specs: Shape = .map(name: 1...255, value: .either([.text(0...255), .number]), count: 1...128)

    private static func list(_ call: Call<Compute>) async throws(Failure) -> Reply {
        try call.require(.listFlavorExtraSpecs, of: call.ownTarget)
        return reply(try await flavor(call))
    }

    private static func create(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let changes = try checked(call.fields("extra_specs"))
        return reply(
            try await change(call) { specs in for change in changes.members { specs[change.name] = change.value } })
    }

    private static func show(_ call: Call<Compute>) async throws(Failure) -> Reply {
        try call.require(.showFlavorExtraSpecs, of: call.ownTarget)
        let (flavor, key) = (try await flavor(call), call["key"])
        guard let value = flavor.extraSpecs[key] else { throw .missing(key, flavor) }
        return .json { $0.put(key, value) }
    }

    private static func update(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let (body, key) = (try checked(call.body.object ?? JSON.Object()), call["key"])
        guard body.names == [key], let value = body[key] else {
            throw .invalid("Request body and URI mismatch: the body must have \(key) and nothing else.")
        }
        _ = try await change(call) { $0[key] = value }
        return .json { $0.put(key, value) }
    }

    private static func delete(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let key = call["key"]
        try await call.service.database.write { tx in
            var flavor = try tx.flavor(call.id("flavor_id"), call.flavorReach)
            guard flavor.extraSpecs[key] != nil else { throw Failure.missing(key, flavor) }
            flavor.extraSpecs[key] = nil
            try tx.update(flavor)
        }
        return Reply(200)
    }

    private static func flavor(_ call: Call<Compute>) async throws(Failure) -> Flavor {
        try await call.service.database.read { try $0.flavor(call.id("flavor_id"), call.flavorReach) }
    }

    private static func change(
        _ call: Call<Compute>, _ change: @escaping @Sendable (inout JSON.Object) -> Void
    ) async throws(Failure) -> Flavor {
        try await call.service.database.write { tx in
            var flavor = try tx.flavor(call.id("flavor_id"), call.flavorReach)
            change(&flavor.extraSpecs)
            try tx.update(flavor)
            return flavor
        }
    }

    /// Names are made of letters, digits and a few signs; numbers are kept as text, as they are shown.
    private static func checked(_ specs: JSON.Object) throws(Failure) -> JSON.Object {
        var checked = JSON.Object()
        for member in specs.members {
            guard
                member.name.unicodeScalars.allSatisfy({
                    $0.properties.isAlphabetic || $0.properties.numericType != nil
                        || "-_: .".unicodeScalars.contains($0)
                })
            else {
                throw .field("extra_specs.\(member.name)", "may have letters, digits, -, _, :, . and blanks only")
            }
            checked[member.name] = member.value.string.map { .string($0) } ?? .string(member.value.text)
        }
        return checked
    }

    private static func reply(_ flavor: Flavor) -> Reply { .json { $0.put("extra_specs", .object(flavor.extraSpecs)) } }
}

extension Failure {
    fileprivate static func missing(_ key: String, _ flavor: Flavor) -> Failure {
        Failure(.notFound, "Flavor \(flavor.id) has no extra specs with key \(key).")
    }
}

extension Rule {
    static let listFlavorExtraSpecs = Rule(
        "os_compute_api:os-flavor-extra-specs:index", "List a flavor's extra specs", May.reader)
    static let showFlavorExtraSpecs = Rule(
        "os_compute_api:os-flavor-extra-specs:show", "Show an extra spec", May.reader)
    static let createFlavorExtraSpecs = Rule(
        "os_compute_api:os-flavor-extra-specs:create", "Set extra specs", May.admin)
    static let updateFlavorExtraSpecs = Rule(
        "os_compute_api:os-flavor-extra-specs:update", "Set an extra spec", May.admin)
    static let deleteFlavorExtraSpecs = Rule(
        "os_compute_api:os-flavor-extra-specs:delete", "Remove an extra spec", May.admin)
}
