/// Pieces of SQL that are tedious or easy to get wrong by hand.
extension SQL {
    /// `(?, ?, …)` for `IN` and `NOT IN`, right for no values too.
    ///
    /// Lists are filled up to a power of two with their last value, so that lists of all lengths share few statements.
    package static func list(_ values: some Collection<some Bindable>) -> SQL {
        guard !values.isEmpty else { return "(SELECT 1 FROM (SELECT 1) AS nobody WHERE 1 = 0)" }
        var bound = values.map { $0.bound }
        while bound.count < 1_024, bound.count & (bound.count - 1) != 0 { bound.append(bound[bound.count - 1]) }
        let places = String(repeating: "?, ", count: bound.count - 1)
        return SQL(text: "(\(places)?)", values: bound)
    }

    package static func joined(_ pieces: [SQL], by separator: StaticString) -> SQL {
        let text = pieces.map(\.text).joined(separator: separator.description)
        return SQL(text: text, values: pieces.flatMap(\.values))
    }

    /// All of the conditions; no conditions hold always. It is one condition itself, so that it can be denied.
    package static func all(_ conditions: [SQL]) -> SQL {
        switch conditions.count {
        case 0: "1 = 1"
        case 1: "(\(conditions[0]))"
        default: "((\(joined(conditions, by: ") AND ("))))"
        }
    }

    /// An identifier or anything else that stands in our own code, where a literal would not do.
    package static func raw(_ text: StaticString) -> SQL { SQL(stringLiteral: text) }

    /// `INSERT INTO table (…) VALUES (…)`, each value beside its column.
    package static func insert(into table: StaticString, _ values: KeyValuePairs<StaticString, any Bindable>) -> SQL {
        insert(into: table, each: values)
    }

    /// The same for columns that are known only now.
    package static func insert(
        into table: StaticString, each values: some Collection<(key: StaticString, value: any Bindable)>
    ) -> SQL {
        let length = values.reduce(table.utf8CodeUnitCount + 32) { $0 + $1.key.utf8CodeUnitCount + 5 }
        let text = String(unsafeUninitializedCapacity: length) { buffer in
            var end = 0
            func add(_ piece: StaticString) {
                piece.withUTF8Buffer {
                    end += UnsafeMutableBufferPointer(rebasing: buffer[end...]).update(from: $0).index
                }
            }
            add("INSERT INTO ")
            add(table)
            for (place, value) in values.enumerated() {
                add(place == 0 ? " (" : ", ")
                add(value.key)
            }
            add(") VALUES (")
            for place in 0..<values.count { add(place == 0 ? "?" : ", ?") }
            add(")")
            return end
        }
        return SQL(text: text, values: values.map { $0.value.bound })
    }

    /// `a = ?, b = ?` for `UPDATE … SET`, each value beside its column.
    package static func set(_ values: KeyValuePairs<StaticString, any Bindable>) -> SQL {
        SQL(text: values.map { "\($0.key) = ?" }.joined(separator: ", "), values: values.map { $0.value.bound })
    }
}

/// How texts are looked for: `name \(.like(.containing(part)))`. Letters count as they are, large or small.
extension SQL {
    package enum Pattern: Sendable {
        case starting(String)
        case ending(String)
        case containing(String)
    }

    package static func like(_ pattern: Pattern) -> SQL {
        let text =
            switch pattern {
            case .starting(let part): escaped(part) + "%"
            case .ending(let part): "%" + escaped(part)
            case .containing(let part): "%" + escaped(part) + "%"
            }
        return "LIKE \(text) ESCAPE '!'"
    }

    private static func escaped(_ part: String) -> String {
        var text = ""
        for character in part {
            if character == "%" || character == "_" || character == "!" { text.append("!") }
            text.append(character)
        }
        return text
    }
}
