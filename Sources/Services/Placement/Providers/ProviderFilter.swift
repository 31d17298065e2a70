import API
import Base
import Contracts
import SQL

/// Which providers a list is narrowed to.
struct ProviderFilter: Sendable {
    static let fields = Fields([
        .optional("name", .text), .optional("uuid", .text(0...255, format: .uuidOrHex)),
        .optional("member_of", .text, since: "1.3"), .optional("resources", .text, since: "1.4"),
        .optional("in_tree", .text(0...255, format: .uuidOrHex), since: "1.14"),
        .optional("required", .text, since: "1.18"),
    ])

    let name: String?
    let id: String?
    let tree: String?
    let traits: TraitQuery
    let aggregates: AggregateQuery
    let resources: Resources

    init(_ call: Call<Placement>) throws(Failure) {
        try call.admitQuery(ProviderFilter.fields)
        name = call.last("name").flatMap { $0.isEmpty ? nil : $0 }
        id = call.last("uuid")
        tree = call.last("in_tree")
        aggregates = try AggregateQuery(call)
        traits = try TraitQuery(call)
        resources = try call.last("resources").map { text throws(Failure) in try Resources(query: text) } ?? [:]
    }

    var condition: SQL {
        var conditions: [SQL] = []
        if let name { conditions.append("p.name = \(name)") }
        if let id { conditions.append("p.uuid = \(id)") }
        if let tree { conditions.append("p.root = (SELECT root FROM placement_provider WHERE uuid = \(tree))") }
        for anyOf in traits.required { conditions.append("EXISTS (\(ProviderFilter.traits(anyOf)))") }
        if !traits.forbidden.isEmpty { conditions.append("NOT EXISTS (\(ProviderFilter.traits(traits.forbidden)))") }
        for anyOf in aggregates.required { conditions.append("EXISTS (\(ProviderFilter.aggregates(anyOf)))") }
        if !aggregates.forbidden.isEmpty {
            conditions.append("NOT EXISTS (\(ProviderFilter.aggregates(aggregates.forbidden)))")
        }
        for (resourceClass, amount) in resources {
            conditions.append("EXISTS (\(Inventory.fitting(resourceClass, amount)))")
        }
        return .all(conditions)
    }

    private static func traits(_ names: Set<String>) -> SQL {
        "SELECT 1 FROM placement_provider_trait t WHERE t.provider = p.number AND t.trait IN \(.list(names.sorted()))"
    }

    private static func aggregates(_ ids: Set<String>) -> SQL {
        """
        SELECT 1 FROM placement_provider_aggregate a WHERE a.provider = p.number
            AND a.aggregate IN \(.list(ids.sorted()))
        """
    }
}

extension Transaction {
    func providers(_ filter: ProviderFilter) throws(Failure) -> [Provider] {
        do throws(Failure) {
            try requireTraits(filter.traits.named)
        } catch {
            throw error.within("Invalid trait(s) in \"required\" parameter", as: .invalid)
        }
        do throws(Failure) {
            try requireClasses(filter.resources.keys)
        } catch {
            throw error.within("Invalid resource class in resources parameter", as: .invalid)
        }
        return try rows("\(Provider.select) WHERE \(filter.condition) ORDER BY p.number")
    }
}
