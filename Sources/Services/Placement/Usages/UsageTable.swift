import Base
import SQL

/// How much of each class is held, and by how many, of one type of consumers.
struct Usage: Sendable {
    var consumers: Int
    var resources: [String: Int]
}

/// Whose usage is asked for, and how it is told apart.
struct UsageFilter: Sendable {
    enum Kind: Sendable {
        /// All consumers, whatever their type.
        case all
        /// Those that have none.
        case untyped
        case typed(String)
        /// Each type by itself.
        case each
    }

    let project: String
    let user: String?
    let kind: Kind
}

extension Transaction {
    /// By type of consumer.
    func usages(_ filter: UsageFilter) throws(Failure) -> [String: Usage] {
        var conditions: [SQL] = ["c.project = \(filter.project)"]
        if let user = filter.user { conditions.append("c.user_id = \(user)") }
        var type: SQL = "COALESCE(c.type, \(ConsumerRecord.unknownType))"
        switch filter.kind {
        case .all: type = "'all'"
        case .untyped: conditions.append("c.type IS NULL")
        case .typed(let name): conditions.append("c.type = \(name)")
        case .each: break
        }
        var usages: [String: Usage] = [:]
        try each(
            """
            SELECT \(type) AS type, a.class, SUM(a.used) AS used
            FROM placement_allocation a JOIN placement_consumer c ON c.uuid = a.consumer
            WHERE \(.all(conditions)) GROUP BY 1, 2
            """
        ) { row in
            let name = try row.text("type")
            usages[name, default: Usage(consumers: 0, resources: [:])].resources[try row.text("class")] =
                try row.integer("used")
        }
        try each(
            "SELECT \(type) AS type, COUNT(*) AS consumers FROM placement_consumer c WHERE \(.all(conditions)) GROUP BY 1"
        ) { row in
            usages[try row.text("type")]?.consumers = try row.integer("consumers")
        }
        return usages
    }
}
