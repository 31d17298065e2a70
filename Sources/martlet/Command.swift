import Base

/// Something the program can do.
struct Command: Sendable {
    struct Option: Sendable {
        let name: String
        /// What its value is called in the help; nil for a switch.
        let value: String?
        let summary: String
    }

    let name: String
    let summary: String
    /// What it is about, by a word of its own; nil where there is no such thing.
    var operand: String?
    let options: [Option]
    let run: @Sendable (Arguments) async throws(Failure) -> Void

    var help: String {
        let named = options.map { option in
            (("--" + option.name + (option.value.map { " " + $0 } ?? "")), option.summary)
        }
        let width = (named.map(\.0.count).max() ?? 0) + 2
        let lines = named.map { "  " + $0.0 + String(repeating: " ", count: width - $0.0.count) + $0.1 }
        let list = lines.isEmpty ? "" : "\n\n" + lines.joined(separator: "\n")
        let words = (operand.map { " " + $0 } ?? "") + (options.isEmpty ? "" : " [OPTION …]")
        return "usage: martlet \(name)\(words)\n\n\(summary).\(list)"
    }
}

/// What stands behind a command: options with their values.
struct Arguments: Sendable {
    private var values: [String: String] = [:]
    private(set) var operand: String?

    /// `--name value` or `--name=value`. What the command doesn't know is refused.
    init(_ words: [String], for command: Command) throws(Failure) {
        let options = command.options
        var rest = words[...]
        while let word = rest.popFirst() {
            if command.operand != nil, operand == nil, !word.hasPrefix("--") {
                operand = word
                continue
            }
            guard word.hasPrefix("--") else { throw .invalid("\(word) makes no sense here. Options begin with --.") }
            let parts = word.dropFirst(2).split(separator: "=", maxSplits: 1).map(String.init)
            guard let name = parts.first, let option = options.first(where: { $0.name == name }) else {
                throw .invalid("There is no option \(word) here. --help lists them.")
            }
            guard option.value != nil else {
                values[name] = ""
                continue
            }
            guard let value = parts.count == 2 ? parts[1] : rest.popFirst() else {
                throw .invalid("--\(name) needs a value.")
            }
            values[name] = value
        }
    }

    subscript(name: String) -> String? { values[name] }

    func port(_ name: String) throws(Failure) -> Int? {
        guard let text = values[name] else { return nil }
        guard let port = Int(text), (1...65_535).contains(port) else {
            throw .invalid("--\(name) must be a port from 1 to 65535, not \(text).")
        }
        return port
    }
}
