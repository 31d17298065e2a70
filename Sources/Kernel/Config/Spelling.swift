/// Finds what was probably meant.
package enum Spelling {
    /// `unknown setting identity.tokn: did you mean identity.token?`
    package static func unknown(_ noun: String, _ name: String, among known: some Sequence<String>) -> String {
        guard let nearest = nearest(to: name, among: known) else { return "unknown \(noun) \(name)." }
        return "unknown \(noun) \(name): did you mean \(nearest)?"
    }

    /// The known name that takes the fewest edits, unless that would be another word altogether.
    package static func nearest(to name: String, among known: some Sequence<String>) -> String? {
        let reach = max(2, name.utf8.count / 3)
        let scored = known.map { (distance: distance(name, $0), name: $0) }.filter { $0.distance <= reach }
        return scored.min { ($0.distance, $0.name) < ($1.distance, $1.name) }?.name
    }

    /// How many letters must be added, dropped, changed or swapped with their neighbour.
    static func distance(_ left: String, _ right: String) -> Int {
        let left = Array(left.utf8)
        let right = Array(right.utf8)
        guard !left.isEmpty, !right.isEmpty else { return max(left.count, right.count) }
        var beforeLast: [Int] = []
        var last = Array(0...right.count)
        for row in 1...left.count {
            var current = [row]
            for column in 1...right.count {
                let change = left[row - 1] == right[column - 1] ? 0 : 1
                var best = min(last[column] + 1, current[column - 1] + 1, last[column - 1] + change)
                if row > 1, column > 1, left[row - 1] == right[column - 2], left[row - 2] == right[column - 1] {
                    best = min(best, beforeLast[column - 2] + 1)
                }
                current.append(best)
            }
            beforeLast = last
            last = current
        }
        return last[right.count]
    }
}
