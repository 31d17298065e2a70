import Base

/// Names and texts that users keep with a thing: metadata, extra specs. In a column they are a JSON object.
enum Pairs {
    /// How a pair looks within a stored object: quotes inside of texts are escaped there, so it matches nothing else.
    static func text(_ name: String, _ value: String) -> String {
        let whole = JSON.object(JSON.Object([.init(name: name, value: .string(value))])).text
        return String(whole.dropFirst().dropLast())
    }

    /// Reads a filter: JSON, or the way Python writes a dictionary, which clients send: `{'key': 'value'}`.
    static func read(_ text: String) throws(Failure) -> [(name: String, value: String)] {
        var texts: [String] = []
        var current: String?
        var quote: Character = "'"
        var isEscaped = false
        for character in text {
            guard current != nil else {
                if character == "'" || character == "\"" {
                    quote = character
                    current = ""
                }
                continue
            }
            if isEscaped {
                current?.append(character)
                isEscaped = false
            } else if character == "\\" {
                isEscaped = true
            } else if character == quote {
                texts.append(current ?? "")
                current = nil
            } else {
                current?.append(character)
            }
        }
        guard texts.count.isMultiple(of: 2), current == nil else {
            throw .invalid("Invalid filter: '\(text)' is not a dictionary.")
        }
        return stride(from: 0, to: texts.count, by: 2).map { (name: texts[$0], value: texts[$0 + 1]) }
    }
}

extension JSON.Object {
    /// The same with other pairs put over it.
    func merging(_ other: JSON.Object) -> JSON.Object {
        var merged = self
        for member in other.members { merged[member.name] = member.value }
        return merged
    }

    var storedText: String { JSON.object(self).text }
}
