import API
import Base

/// What the bodies of several resources have in common.
extension Shape {
    /// A name that may be left empty; blanks around it don't count.
    static let looseName: Shape = .nullable(.text(0...255))
    static let looseDescription: Shape = .nullable(.text(0...255))
    static let optionalUUID: Shape = .nullable(.either([.text(0...0), .text(36...36, format: .uuid)]))
    static let uuidOrNull: Shape = .nullable(.text(32...36, format: .uuidOrHex))
    /// Names and texts.
    static let pairs: Shape = .map(name: 1...255, value: .text(0...255))
    static let pairsOrNull: Shape = .nullable(pairs)
    /// As far as a database counts.
    static let gigabytes: Shape = .looseInteger(1...Int64(Int32.max))
    static let nothing: Shape = .any
}

extension JSON.Object {
    /// A name without the blanks around it; nil where there is none.
    func name(_ field: String) -> String? { text(field)?.trimmed }

    /// What a create says by either of two spellings.
    func name(_ field: String, or other: String) -> String? { name(field) ?? name(other) }
}
