/// Finds the endpoints of a path: a tree of its segments, where a plain segment goes before a named one.
struct Router<Target: Sendable>: Sendable {
    struct Entry: Sendable {
        let method: String
        let names: [String]
        let target: Target
    }

    /// The tree, laid flat, so that it is a value that all requests may share.
    private struct Place: Sendable {
        var plain: [String: Int] = [:]
        var named: Int?
        var entries: [Entry] = []
    }

    private var places: [Place] = [Place()]

    mutating func add(_ method: String, _ path: String, _ target: Target) {
        var place = 0
        var names: [String] = []
        for segment in path.split(separator: "/") {
            if segment.first == "{" {
                names.append(String(segment.dropFirst().dropLast()))
                if places[place].named == nil { places[place].named = grow() }
                place = places[place].named ?? place
            } else {
                let key = String(segment)
                if places[place].plain[key] == nil { places[place].plain[key] = grow() }
                place = places[place].plain[key] ?? place
            }
        }
        places[place].entries.append(Entry(method: method, names: names, target: target))
    }

    private mutating func grow() -> Int {
        places.append(Place())
        return places.count - 1
    }

    struct Match {
        let entries: [Entry]
        let values: [String]
    }

    /// The entries of all methods at a path, with the values of its named segments.
    func match(_ segments: [String]) -> Match? {
        var values: [String] = []
        guard let place = find(segments[...], at: 0, &values) else { return nil }
        return Match(entries: places[place].entries, values: values)
    }

    private func find(_ segments: ArraySlice<String>, at place: Int, _ values: inout [String]) -> Int? {
        guard let segment = segments.first else { return places[place].entries.isEmpty ? nil : place }
        if let plain = places[place].plain[segment], let found = find(segments.dropFirst(), at: plain, &values) {
            return found
        }
        guard let named = places[place].named, !segment.isEmpty else { return nil }
        values.append(segment)
        if let found = find(segments.dropFirst(), at: named, &values) { return found }
        values.removeLast()
        return nil
    }
}
