import API
import Base
import Contracts
import HTTP
import Policy
import SQL

extension Inventory {
    static let endpoints: [Endpoint<Placement>] = [
        .get(all, "List a provider's inventories", may: .listInventories, list),
        .post(
            all, "Add an inventory", may: .createInventory,
            takes: .object(
                Fields(sizes + [.required("resource_class", .text(0...255, format: .constant)), generation.asOptional])),
            create),
        .put(
            all, "Replace a provider's inventories", may: .updateInventories,
            takes: replacement, replace),
        .delete(all, "Remove a provider's inventories", may: .deleteInventories, since: "1.5", clear),
        .get(one, "Show an inventory", may: .showInventory, show),
        .put(one, "Update an inventory", may: .updateInventories, takes: .object(Fields(sizes + [generation])), update),
        .delete(one, "Remove an inventory", may: .deleteInventories, delete),
    ]

    private static let all = "/resource_providers/{uuid}/inventories"
    private static let one = "/resource_providers/{uuid}/inventories/{resource_class}"
    private static let generation: Field = .required("resource_provider_generation", .integer(.min ... .max))
    private static let positive: Shape = .integer(1...Int64(InventoryDescription.most))

    /// What a single-precision column holds, from when there was one.
    private static let largestRatio = 3.40282e+38

    private static let sizes: [Field] = [
        .required("total", positive), .optional("reserved", .integer(0...Int64(InventoryDescription.most))),
        .optional("min_unit", positive), .optional("max_unit", positive), .optional("step_size", positive),
        .optional("allocation_ratio", .limitedNumber(largestRatio)),
    ]

    /// All of a provider's inventories, as they are set at once here and when providers are reshaped.
    static let replacement: Shape = .object(
        Fields([
            generation,
            .required(
                "inventories",
                .map(name: 0...255, value: .object(Fields(sizes + [generation.asOptional])), count: 0...1_000)),
        ]))
}

extension Rule {
    static let listInventories = Rule(
        "placement:resource_providers:inventories:list", "List a provider's inventories", May.operate)
    static let createInventory = Rule(
        "placement:resource_providers:inventories:create", "Add an inventory", May.operate)
    static let showInventory = Rule("placement:resource_providers:inventories:show", "Show an inventory", May.operate)
    static let updateInventories = Rule(
        "placement:resource_providers:inventories:update", "Update inventories", May.operate)
    static let deleteInventories = Rule(
        "placement:resource_providers:inventories:delete", "Remove inventories", May.operate)
}

// MARK: Handlers

extension Inventory {
    static func list(_ call: Call<Placement>) async throws(Failure) -> Reply {
        let (provider, inventories) = try await call.service.database.read { tx in
            let provider = try tx.provider(call.id("uuid"))
            return (provider, try tx.inventories(of: provider))
        }
        return .json(headers: call.fresh(inventories.compactMap(\.modified).max())) { json in
            write(inventories.map { ($0.resourceClass, $0.size) }, of: provider, to: &json)
        }
    }

    static func show(_ call: Call<Placement>) async throws(Failure) -> Reply {
        let resourceClass = call["resource_class"]
        let (provider, inventory) = try await call.service.database.read { tx in
            let provider = try tx.provider(call.id("uuid"))
            return (provider, try tx.inventory(of: provider, resourceClass))
        }
        guard let inventory else {
            throw .missing("No inventory of class \(resourceClass) for \(provider.id)")
        }
        return reply(inventory.size, provider, call, modified: inventory.modified)
    }

    static func create(_ call: Call<Placement>) async throws(Failure) -> Reply {
        let body = call.body.object ?? JSON.Object()
        let resourceClass = try body.required("resource_class")
        let size = InventoryDescription(body)
        let now = call.service.world.now
        let provider = try await call.service.database.write { tx in
            let provider = try tx.provider(call.id("uuid"))
            return try Failure.explaining(
                "Unable to create inventory for resource provider \(provider.id)", [.invalid, .notFound], as: .invalid
            ) {
                try size.requireCapacity(resourceClass, provider.id, mayBeEmpty: call.mayReserveAll)
                return try tx.addInventory(resourceClass, size, to: provider, now: now)
            }
        }
        var made = reply(size, provider, call, modified: now)
        made.status = 201
        made.headers.append("Location", call.link("\(provider.path)/inventories/\(resourceClass)"))
        return made
    }

    static func replace(_ call: Call<Placement>) async throws(Failure) -> Reply {
        let sizes = descriptions(call.body)
        let now = call.service.world.now
        let provider = try await call.service.database.write { tx in
            let provider = try tx.knownProvider(call)
            try Failure.explaining("Unable to update inventory for resource provider \(provider.id)", [.invalid]) {
                for (resourceClass, size) in sizes {
                    try size.requireCapacity(resourceClass, provider.id, mayBeEmpty: call.mayReserveAll)
                }
            }
            return try Failure.explaining(
                "Unknown resource class in inventory for resource provider \(provider.id)", [.notFound], as: .invalid
            ) {
                try Failure.explaining("update conflict", [.conflict]) {
                    try tx.setInventories(
                        Dictionary(sizes, uniquingKeysWith: { _, last in last }), of: provider, now: now)
                }
            }
        }
        return .json(headers: call.fresh(now)) { write(sizes, of: provider, to: &$0) }
    }

    static func update(_ call: Call<Placement>) async throws(Failure) -> Reply {
        let resourceClass = call["resource_class"]
        let size = InventoryDescription(call.body.object ?? JSON.Object())
        let now = call.service.world.now
        let provider = try await call.service.database.write { tx in
            let provider = try tx.knownProvider(call)
            try Failure.explaining("Unable to update inventory for resource provider \(provider.id)", [.invalid]) {
                try size.requireCapacity(resourceClass, provider.id, mayBeEmpty: call.mayReserveAll)
            }
            return try tx.updateInventory(resourceClass, size, of: provider, now: now)
        }
        return reply(size, provider, call, modified: now)
    }

    static func delete(_ call: Call<Placement>) async throws(Failure) -> Reply {
        let resourceClass = call["resource_class"]
        let now = call.service.world.now
        try await call.service.database.write { tx in
            try Failure.explaining(
                "Unable to delete inventory of class \(resourceClass)", [.conflict], .concurrentUpdate
            ) {
                try tx.deleteInventory(resourceClass, of: try tx.provider(call.id("uuid")), now: now)
            }
        }
        return .noContent
    }

    static func clear(_ call: Call<Placement>) async throws(Failure) -> Reply {
        let now = call.service.world.now
        try await call.service.database.write { tx in
            _ = try tx.setInventories([:], of: try tx.provider(call.id("uuid")), now: now)
        }
        return .noContent
    }

    /// The sizes in a body that replaces inventories, in its order.
    static func descriptions(_ body: JSON) -> [(String, InventoryDescription)] {
        (body["inventories"]?.object?.members ?? []).map {
            ($0.name, InventoryDescription($0.value.object ?? JSON.Object()))
        }
    }

    private static func reply(
        _ size: InventoryDescription, _ provider: Provider, _ call: Call<Placement>, modified: Moment?
    ) -> Reply {
        .json(headers: call.fresh(modified)) {
            size.write(to: &$0)
            $0.put("resource_provider_generation", provider.generation)
        }
    }

    private static func write(
        _ sizes: [(String, InventoryDescription)], of provider: Provider, to json: inout JSONWriter
    ) {
        json.put("resource_provider_generation", provider.generation)
        json.object("inventories") {
            for (resourceClass, size) in sizes { $0.object(resourceClass) { size.write(to: &$0) } }
        }
    }
}

extension Call<Placement> {
    fileprivate var mayReserveAll: Bool { version >= "1.26" }
}

extension Transaction {
    /// The provider, if the body was written with its present generation in mind.
    fileprivate func knownProvider(_ call: Call<Placement>) throws(Failure) -> Provider {
        let provider = try provider(call.id("uuid"))
        guard call.knows(provider) else {
            throw .conflict("resource provider generation conflict", .concurrentUpdate)
        }
        return provider
    }
}
