import Base

/// A user's own question about hosts: `["and", [">=", "$free_ram_mb", 1024], ["=", "$host", "east-1"]]`.
struct HostQuery {
    let facts: JSON

    /// Deeper ones are nobody's question.
    private static let depth = 20

    /// A query that makes no sense fits no host.
    func holds(_ query: JSON) -> Bool { answer(query, HostQuery.depth) ?? false }

    private func answer(_ query: JSON, _ depth: Int) -> Bool? {
        guard depth > 0 else { return nil }
        if let flag = query.bool { return flag }
        guard let list = query.array, let sign = list.first?.string else { return nil }
        let rest = list.dropFirst()
        switch sign {
        case "and": return answers(rest, depth).map { $0.allSatisfy { $0 } }
        case "or": return answers(rest, depth).map { $0.contains(true) }
        case "not": return answers(rest, depth).map { !$0.contains(true) }
        default: return compared(sign, rest.map(resolved))
        }
    }

    private func answers(_ queries: ArraySlice<JSON>, _ depth: Int) -> [Bool]? {
        let answers = queries.compactMap { answer($0, depth - 1) }
        return answers.count == queries.count ? answers : nil
    }

    /// `$cpu_info.arch` is the host's own.
    private func resolved(_ operand: JSON) -> JSON {
        guard let text = operand.string, text.hasPrefix("$") else { return operand }
        var value: JSON? = facts
        for name in text.dropFirst().split(separator: ".") { value = value?[String(name)] }
        return value ?? .null
    }

    /// The first operand against all others.
    private func compared(_ sign: String, _ operands: [JSON]) -> Bool? {
        guard let first = operands.first, operands.count > 1 else { return nil }
        let others = operands.dropFirst()
        switch sign {
        case "=": return others.allSatisfy { equal(first, $0) }
        case "in": return others.contains { equal(first, $0) }
        case "<": return ordered(first, others) { $0 < $1 }
        case ">": return ordered(first, others) { $0 > $1 }
        case "<=": return ordered(first, others) { $0 <= $1 }
        case ">=": return ordered(first, others) { $0 >= $1 }
        default: return nil
        }
    }

    private func equal(_ left: JSON, _ right: JSON) -> Bool {
        if let left = left.looseNumber, let right = right.looseNumber { return left == right }
        return left == right
    }

    private func ordered(_ first: JSON, _ others: ArraySlice<JSON>, _ compare: (Double, Double) -> Bool) -> Bool? {
        guard let first = first.looseNumber else { return nil }
        let numbers = others.compactMap(\.looseNumber)
        return numbers.count == others.count ? numbers.allSatisfy { compare(first, $0) } : nil
    }
}
