/// What a flavor's extra spec wants a value to be: `>= 4`, `<in> avx`, `<or> ssd <or> nvme`, or just that.
struct SpecWish {
    private let words: [String]
    private let text: String

    init(_ text: String) {
        self.text = text
        words = text.split(separator: " ").map(String.init)
    }

    /// Whether one of the values is what is wanted.
    func holds(for values: [String]) -> Bool {
        switch words.first {
        case "<all-in>": words.dropFirst().allSatisfy { wanted in values.contains { $0.contains(wanted) } }
        case "<or>": values.contains { value in alternatives.contains(value) }
        default: values.contains { holds(for: $0) }
        }
    }

    private var alternatives: [String] { words.filter { $0 != "<or>" } }

    private func holds(for value: String) -> Bool {
        guard words.count > 1, let sign = words.first else { return value == text }
        let operand = words.dropFirst().joined(separator: " ")
        if let compare = SpecWish.numbers[sign] {
            guard let left = Double(value), let right = Double(operand) else { return false }
            return compare(left, right)
        }
        if let compare = SpecWish.texts[sign] { return compare(value, operand) }
        return sign == "<in>" ? value.contains(operand) : value == text
    }

    /// An equals sign alone has always meant "at least".
    private static let numbers: [String: @Sendable (Double, Double) -> Bool] = [
        "=": { $0 >= $1 }, ">=": { $0 >= $1 }, "<=": { $0 <= $1 }, "==": { $0 == $1 }, "!=": { $0 != $1 },
        ">": { $0 > $1 }, "<": { $0 < $1 },
    ]

    private static let texts: [String: @Sendable (String, String) -> Bool] = [
        "s==": { $0 == $1 }, "s!=": { $0 != $1 }, "s>=": { $0 >= $1 }, "s>": { $0 > $1 }, "s<=": { $0 <= $1 },
        "s<": { $0 < $1 },
    ]
}
