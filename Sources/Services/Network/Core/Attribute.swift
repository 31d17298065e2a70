import API
import Base
import SQL

/// One member of a resource's documents: what it looks like, when it may be set, where it is kept, and how lists are
/// narrowed by it. All that the API says of a member follows from this.
struct Attribute: Sendable {
    /// How it lies in its column.
    enum Kept: Sendable { case text, integer, boolean, json, moment }

    struct Settable: OptionSet, Sendable {
        let rawValue: Int
        static let never: Settable = []
        static let create = Settable(rawValue: 1)
        static let update = Settable(rawValue: 2)
        static let always: Settable = [.create, .update]
    }

    /// What holds when a request to create doesn't say.
    enum Absent: Sendable {
        case required
        /// The document goes on without it; who makes the thing decides.
        case nothing
        case value(JSON)
    }

    /// The condition under which a row's attribute is one of these values, as this viewer sees it.
    typealias Narrow = @Sendable (_ values: [String], _ viewer: Viewer) -> SQL
    /// The one spelling of a value that may be written in several.
    typealias Normal = @Sendable (JSON) throws(Failure) -> JSON

    let name: String
    /// Nil when it is worked out from other rows.
    let kept: Kept?
    let column: StaticString
    let settable: Settable
    let shape: Shape
    let absent: Absent
    let isVisible: Bool
    let normal: Normal?
    let narrow: Narrow?

    init(
        _ name: StaticString, _ kept: Kept?, column: StaticString? = nil, set settable: Settable = .never,
        _ shape: Shape = .any, or absent: Absent = .nothing, isVisible: Bool = true, as normal: Normal? = nil,
        where narrow: Narrow? = nil
    ) {
        self.name = name.description
        self.kept = kept
        self.column = column ?? name
        self.settable = settable
        self.shape = shape
        self.absent = absent
        self.isVisible = isVisible
        self.normal = normal
        self.narrow = narrow
    }
}

extension Attribute {
    /// What nearly every resource has: whose it is, and what the service itself notes about it.
    static let standard: [Attribute] = [
        .description,
        Attribute("created_at", .moment),
        Attribute("updated_at", .moment),
        Attribute("revision_number", .integer),
    ]

    static let id = Attribute("id", .text)
    static let name = Attribute("name", .text, set: .always, .text(0...255), or: .value(""))
    static let project = Attribute("tenant_id", .text, column: "project_id", set: .create, .text(0...255))
    static let isUp = Attribute("admin_state_up", .boolean, set: .always, .looseBoolean, or: .value(true))
    static let status = Attribute("status", .text)
    static let description = Attribute(
        "description", .text, set: .always, .nullable(.text(0...255)), or: .value(""),
        as: { value throws(Failure) in value.isNull ? "" : value })

    /// Whether everybody, or just the viewer's project, was given access by an RBAC policy.
    static func shared(_ type: String, set settable: Settable = .always) -> Attribute {
        Attribute(
            "shared", nil, set: settable, .looseBoolean, or: .value(false),
            where: { values, viewer in
                .holds(values, "id IN (\(AccessPolicy.objects(of: type, .shared, for: viewer)))")
            })
    }
}

extension Attribute {
    /// A value as it came, in its one spelling.
    func normalised(_ value: JSON) throws(Failure) -> JSON {
        do throws(Failure) { try shape.check(value, at: name, version: .v2) } catch {
            let complaint =
                error.message.hasPrefix("\(name): ") ? error.message.dropFirst(name.count + 2) : "\(error.message)"
            throw .invalid("Invalid input for \(name). Reason: '\(value.plain)' \(complaint).")
        }
        if let normal { return try normal(value) }
        switch (kept, shape) {
        case (_, .looseBoolean): return value.looseBool.map { .bool($0) } ?? value
        case (.integer, _): return value.looseInteger.map { .integer($0) } ?? value
        default: return value
        }
    }

    func condition(_ values: [String], _ viewer: Viewer) -> SQL? {
        if let narrow { return narrow(values, viewer) }
        let column = SQL.raw(column)
        switch kept {
        case .text:
            return values.contains("")
                ? "(\(column) IN \(.list(values)) OR \(column) IS NULL)" : "\(column) IN \(.list(values))"
        case .integer: return "\(column) IN \(.list(values.compactMap { Int($0) }))"
        case .boolean: return "\(column) IN \(.list(values.compactMap { Bool(loose: $0) }))"
        case .json, .moment, nil: return nil
        }
    }

    func value(_ row: borrowing Row) throws(Failure) -> JSON {
        switch kept {
        case .text: try row.optionalText(column).map { .string($0) } ?? .null
        case .integer: try row.optionalInteger(column).map { .integer(Int64($0)) } ?? .null
        case .boolean: try row.optionalBool(column).map { .bool($0) } ?? .null
        case .moment: try row.optionalMoment(column).map { .string(Timestamp.seconds.text($0)) } ?? .null
        case .json:
            try row.optionalText(column).map { text throws(Failure) in try JSONReader.read(Array(text.utf8)) } ?? .null
        case nil: .null
        }
    }

    func bound(_ value: JSON) -> SQL.Value {
        switch (kept, value) {
        case (_, .null): .null
        case (.json, _): .text(value.text)
        case (_, .string(let text)): .text(text)
        case (_, .integer(let number)): .integer(number)
        case (_, .bool(let flag)): .integer(flag ? 1 : 0)
        default: .text(value.text)
        }
    }
}

extension SQL {
    /// A condition asked for as true or as false.
    static func holds(_ values: [String], _ condition: SQL) -> SQL {
        let wanted = Set(values.compactMap { Bool(loose: $0) })
        switch (wanted.contains(true), wanted.contains(false)) {
        case (true, true): return "1 = 1"
        case (true, false): return condition
        case (false, true): return "NOT (\(condition))"
        case (false, false): return "1 = 0"
        }
    }
}

extension Microversion {
    /// The API has one version; shapes want to be told which.
    static let v2: Microversion = "2.0"
}

extension JSON {
    /// A value as a sentence quotes it.
    var plain: String { string ?? text }
}
