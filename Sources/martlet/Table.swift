import Base

/// Rows under headings: aligned for people, JSON for programs.
struct Table {
    let headings: [String]
    var rows: [[String]] = []

    static let option = Command.Option(name: "output", value: "FORM", summary: "table (as usual) or json")

    func print(_ arguments: Arguments) throws(Failure) {
        if try Table.isJSON(arguments) { Terminal.say(json) } else { for line in lines { Terminal.say(line) } }
    }

    static func isJSON(_ arguments: Arguments) throws(Failure) -> Bool {
        switch arguments["output"] ?? "table" {
        case "table": return false
        case "json": return true
        case let other: throw .invalid("--output must be table or json, not \(other).")
        }
    }

    private var lines: [String] {
        let all = [headings.map { $0.uppercased() }] + rows
        let widths = headings.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        return all.map { row in
            let cells = row.indices.map { column in
                column == row.count - 1
                    ? row[column]
                    : row[column] + String(repeating: " ", count: widths[column] - row[column].count)
            }
            return cells.joined(separator: "  ")
        }
    }

    private var json: String {
        var json = JSONWriter()
        json.array(of: rows) { row, json in
            json.object { json in for (name, value) in zip(headings, row) { json.put(name, value) } }
        }
        return json.finishText()
    }
}
