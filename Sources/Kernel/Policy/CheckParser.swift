import Base

/// Reads `role:admin or (role:reader and project_id:%(project_id)s)`.
struct CheckParser {
    private var words: [Substring]
    private var place = 0

    static func parse(_ text: String) throws(Failure) -> Check {
        var parser = CheckParser(words: split(text))
        guard !parser.words.isEmpty else { return .always }
        let check = try parser.anyOf()
        guard parser.place == parser.words.count else {
            throw .invalid("unexpected '\(parser.words[parser.place])' in the rule \"\(text)\"")
        }
        return check
    }

    private init(words: [Substring]) { self.words = words }

    /// Words at blanks, with brackets as words of their own. The brackets of `%(name)s` belong to their word.
    private static func split(_ text: String) -> [Substring] {
        var words: [Substring] = []
        for var word in text.split(whereSeparator: \.isWhitespace) {
            while word.first == "(" {
                words.append(word.prefix(1))
                word = word.dropFirst()
            }
            var closing: [Substring] = []
            while word.last == ")" {
                closing.append(word.suffix(1))
                word = word.dropLast()
            }
            if !word.isEmpty { words.append(word) }
            words += closing
        }
        return words
    }

    private mutating func take(_ word: String) -> Bool {
        guard place < words.count, words[place].lowercased() == word else { return false }
        place += 1
        return true
    }

    private mutating func anyOf() throws(Failure) -> Check {
        var parts = [try allOf()]
        while take("or") { parts.append(try allOf()) }
        return parts.count == 1 ? parts[0] : .any(parts)
    }

    private mutating func allOf() throws(Failure) -> Check {
        var parts = [try one()]
        while take("and") { parts.append(try one()) }
        return parts.count == 1 ? parts[0] : .all(parts)
    }

    private mutating func one() throws(Failure) -> Check {
        if take("not") { return .not(try one()) }
        if take("(") {
            let check = try anyOf()
            guard take(")") else { throw .invalid("a closing bracket is missing") }
            return check
        }
        if take("@") { return .always }
        if take("!") { return .never }
        guard place < words.count else { throw .invalid("the rule ends too early") }
        let word = words[place]
        place += 1
        guard let colon = word.firstIndex(of: ":") else {
            throw .invalid("'\(word)' is no check; a check is written kind:match, such as role:admin")
        }
        return check(String(word[..<colon]), String(word[word.index(after: colon)...]))
    }

    private func check(_ kind: String, _ match: String) -> Check {
        switch kind {
        case "role": .role(match)
        case "rule": .rule(match)
        case "field": field(match)
        case "service_roles": .serviceRole(match)
        default: .equal(left: left(kind), right: right(match))
        }
    }

    /// `field:networks:shared=True` asks for a value of the target, `field:port:device_owner=~^network:` for its start.
    private func field(_ match: String) -> Check {
        let condition = match.firstIndex(of: ":").map { String(match[match.index(after: $0)...]) } ?? match
        let equals = condition.lastIndex(of: "=")
        guard !condition.contains("=~"), let equals else {
            return .equal(left: .literal("True"), right: .target(condition))
        }
        let value = String(condition[condition.index(after: equals)...])
        return .equal(left: .literal(value), right: .target(String(condition[..<equals])))
    }

    private func left(_ kind: String) -> Check.Operand {
        if let quoted = unquoted(kind) { return .literal(quoted) }
        if kind == "None" || kind == "True" || kind == "False" { return .literal(kind) }
        return .caller(kind)
    }

    private func right(_ match: String) -> Check.Operand {
        if match.hasPrefix("%("), match.hasSuffix(")s") { return .target(String(match.dropFirst(2).dropLast(2))) }
        return .literal(unquoted(match) ?? match)
    }

    private func unquoted(_ text: String) -> String? {
        guard text.count >= 2, let first = text.first, first == "'" || first == "\"", text.last == first else {
            return nil
        }
        return String(text.dropFirst().dropLast())
    }
}
