import Base
import Config

/// Something the program can do.
struct Command: Sendable {
    struct Option: Sendable {
        let name: String
        /// What its value is called in the help; nil for a switch.
        let value: String?
        let summary: String
        /// Given again, it adds to what was said before: `--listen 127.0.0.1 --listen ::1`.
        var isList = false
    }

    let name: String
    let summary: String
    /// What stands behind it without dashes, in this order: `FILE`, or `[SERVICE]` where it may be left out.
    var words: [String] = []
    let options: [Option]
    let run: @Sendable (Arguments) async throws(Failure) -> Void

    var help: String {
        let named = options.map { option in
            (("--" + option.name + (option.value.map { " " + $0 } ?? "")), option.summary)
        }
        let width = (named.map(\.0.count).max() ?? 0) + 2
        let lines = named.map { "  " + $0.0 + String(repeating: " ", count: width - $0.0.count) + $0.1 }
        let list = lines.isEmpty ? "" : "\n\n" + lines.joined(separator: "\n")
        let usage = ["usage: martlet \(name)"] + words + (options.isEmpty ? [] : ["[OPTION …]"])
        return usage.joined(separator: " ") + "\n\n\(summary).\(list)"
    }
}

/// What stands behind a command: words, and options with their values.
struct Arguments: Sendable {
    private var values: [String: String] = [:]
    private(set) var words: [String] = []

    /// `--name value` or `--name=value`. What the command doesn't know is refused.
    init(_ words: [String], for command: Command) throws(Failure) {
        var rest = words[...]
        while let word = rest.popFirst() {
            guard word.hasPrefix("--") else {
                guard self.words.count < command.words.count else {
                    throw .invalid("\(word) makes no sense here. `martlet \(command.name) --help` says what does.")
                }
                self.words.append(word)
                continue
            }
            let parts = word.dropFirst(2).split(separator: "=", maxSplits: 1).map(String.init)
            guard let name = parts.first, let option = command.options.first(where: { $0.name == name }) else {
                let nearest = Spelling.nearest(to: parts.first ?? "", among: command.options.map(\.name))
                let hint = nearest.map { " Did you mean --\($0)?" } ?? ""
                throw .invalid("There is no option \(word) here.\(hint) --help lists them.")
            }
            guard option.value != nil else {
                values[name] = ""
                continue
            }
            guard let value = parts.count == 2 ? parts[1] : rest.popFirst() else {
                throw .invalid("--\(name) needs a value.")
            }
            if let before = values[name] {
                guard option.isList else { throw .invalid("--\(name) is given twice: \(before) and \(value).") }
                values[name] = before + "," + value
            } else {
                values[name] = value
            }
        }
        let needed = command.words.prefix { !$0.hasPrefix("[") }
        guard self.words.count >= needed.count else {
            throw .invalid("\(needed[self.words.count]) is missing. `martlet \(command.name) --help` says more.")
        }
    }

    subscript(name: String) -> String? { values[name] }

    /// The word at a place; nil where it was left out.
    subscript(place: Int) -> String? { place < words.count ? words[place] : nil }

    func port(_ name: String) throws(Failure) -> Int? {
        guard let text = values[name] else { return nil }
        guard let port = Int(text), (1...65_535).contains(port) else {
            throw .invalid("--\(name) must be a port from 1 to 65535, not \(text).")
        }
        return port
    }
}
