import API
import Base
import SQL

extension Resource {
    /// A segment range: numbers on the wire from which networks get theirs, one project's or everybody's.
    static let segmentRange: Resource = Resource(
        "network_segment_range", "network_segment_ranges", path: "network-segment-ranges",
        table: "network_segment_range", isTagged: true,
        missing: { .missing("NetworkSegmentRangeNotFound", "Network Segment Range \($0) could not be found.") },
        attributes: [.id, .name, .project] + SegmentRangeRows.attributes + Attribute.standard,
        prepare: SegmentRangeRows.noteUsual, create: SegmentRangeRows.create, update: SegmentRangeRows.update,
        delete: SegmentRangeRows.delete, derive: SegmentRangeRows.derive)
}

enum SegmentRangeRows {
    private static let number: Shape = .looseInteger(1...4_294_967_295)

    static let attributes: [Attribute] = [
        Attribute("default", .boolean, column: "is_default"),
        Attribute("shared", .boolean, set: .create, .looseBoolean, or: .value(true)),
        Attribute("network_type", .text, set: .create, .choice(["vlan", "vxlan", "gre", "geneve"]), or: .required),
        Attribute("physical_network", .text, set: .create, .nullable(.text(0...64)), or: .value("")),
        Attribute("minimum", .integer, set: .always, number, or: .required),
        Attribute("maximum", .integer, set: .always, number, or: .required),
        Attribute("used", nil),
        Attribute("available", nil),
    ]

    static let created = Migration(
        "create segment range",
        """
        CREATE TABLE network_segment_range (
            id               VARCHAR(36)  NOT NULL PRIMARY KEY,
            project_id       VARCHAR(255),
            name             VARCHAR(255) NOT NULL,
            is_default       BOOLEAN      NOT NULL,
            shared           BOOLEAN      NOT NULL,
            network_type     VARCHAR(32)  NOT NULL,
            physical_network VARCHAR(64)  NOT NULL,
            minimum          BIGINT       NOT NULL,
            maximum          BIGINT       NOT NULL,
            description      VARCHAR(255) NOT NULL,
            created_at       BIGINT       NOT NULL,
            updated_at       BIGINT       NOT NULL,
            revision_number  BIGINT       NOT NULL
        )
        """)

    // MARK: What the settings say

    private struct Usual: Hashable {
        let type: String
        let physical: String
        let numbers: ClosedRange<Int>
    }

    /// The ranges that an operator's settings give to everybody are shown with the others, but are not theirs to change.
    static let noteUsual: Resource.Prepare = { call async throws(Failure) in
        let settings = call.service.settings.segments
        let wanted = Set(
            settings.tunnels.map { Usual(type: $0.key, physical: "", numbers: $0.value) }
                + settings.vlans.map { Usual(type: "vlan", physical: $0.physical, numbers: $0.numbers) })
        let known = try await call.service.database.read { try usual($0) }
        guard Set(known.values) != wanted else { return }
        try await call.service.database.write { tx in
            let known = try usual(tx)
            for (id, range) in known where !wanted.contains(range) {
                try tx.run("DELETE FROM network_segment_range WHERE id = \(id)")
            }
            let desk = Desk(tx, call.service)
            let missing = wanted.subtracting(known.values)
            for range in missing.sorted(by: { ($0.type, $0.physical) < ($1.type, $1.physical) }) {
                var row = Document()
                row["id"] = .string(desk.newID())
                for name in ["name", "description"] { row[name] = "" }
                for name in ["default", "shared"] { row[name] = true }
                row["network_type"] = .string(range.type)
                row["physical_network"] = .string(range.physical)
                row["minimum"] = .number(range.numbers.lowerBound)
                row["maximum"] = .number(range.numbers.upperBound)
                try desk.insert(.segmentRange, row)
            }
        }
    }

    private static func usual(_ tx: Transaction) throws(Failure) -> [String: Usual] {
        var known: [String: Usual] = [:]
        try tx.each("SELECT * FROM network_segment_range WHERE is_default = 1") { row in
            let (low, high) = (try row.integer("minimum"), try row.integer("maximum"))
            known[try row.text("id")] = Usual(
                type: try row.text("network_type"), physical: try row.text("physical_network"), numbers: low...high)
        }
        return known
    }

    // MARK: Rules

    static func create(_ draft: inout Document, _ desk: Desk) throws(Failure) {
        draft["default"] = false
        if draft.flag("shared") { draft["tenant_id"] = .null }
        guard draft.flag("shared") || !draft.project.isEmpty else {
            throw .input("A network segment range that is not shared belongs to a project")
        }
        let isVLAN = draft.text("network_type") == SegmentType.vlan.name
        if !isVLAN { draft["physical_network"] = "" }
        let known = desk.service.settings.segments.physicalNetworks
        guard !isVLAN || known.contains(draft.text("physical_network") ?? "") else {
            throw .badRequest(
                "network_segment_range",
                "Network type vlan requires 'physical_network' to be specified while creating new range")
        }
        try check(draft, desk)
        try desk.insert(.segmentRange, draft)
    }

    static func update(_ changes: inout Document, _ before: Document, _ desk: Desk) throws(Failure) {
        try requireOwn(before)
        let after = before.merging(changes)
        try check(after, desk)
        let (low, high) = (after.integer("minimum") ?? 0, after.integer("maximum") ?? 0)
        guard try !desk.tx.exists("\(used(before)) AND segmentation_id NOT BETWEEN \(low) AND \(high)") else {
            throw isUsed(before)
        }
        try desk.change(.segmentRange, before.id, changes)
    }

    static func delete(_ range: Document, _ desk: Desk) throws(Failure) {
        try requireOwn(range)
        guard try !desk.tx.exists(used(range)) else { throw isUsed(range) }
        try desk.remove(.segmentRange, range.id)
    }

    private static func requireOwn(_ range: Document) throws(Failure) {
        guard !range.flag("default") else {
            throw .wrong(
                "NetworkSegmentRangeDefaultReadOnly",
                "Network Segment Range \(range.id) is a default segment range which could not be updated or deleted.")
        }
    }

    private static func used(_ range: Document) -> SQL {
        """
        SELECT 1 FROM network_segment WHERE network_type = \(range.text("network_type") ?? "")
        AND physical_network = \(range.text("physical_network") ?? "")
        AND segmentation_id BETWEEN \(range.integer("minimum") ?? 0) AND \(range.integer("maximum") ?? 0)
        """
    }

    private static func isUsed(_ range: Document) -> Failure {
        .clash(
            "NetworkSegmentRangeReferencedByProject",
            "Network Segment Range \(range.id) is referenced by one or more project networks.")
    }

    /// Its numbers are some that the type has, and no other range's.
    private static func check(_ range: Document, _ desk: Desk) throws(Failure) {
        let type = try SegmentType.named(range.text("network_type") ?? "")
        let (low, high) = (range.integer("minimum") ?? 0, range.integer("maximum") ?? 0)
        guard let numbers = type.numbers, low <= high, numbers.contains(low), numbers.contains(high) else {
            throw .wrong("NetworkTunnelRangeError", "Invalid network range: '\(low):\(high)' for \(type.name).")
        }
        let others: SQL = """
            is_default = 0 AND id <> \(range.id) AND network_type = \(type.name)
            AND physical_network = \(range.text("physical_network") ?? "") AND minimum <= \(high) AND maximum >= \(low)
            """
        let overlapping = try desk.tx.rows("SELECT id FROM network_segment_range WHERE \(others) ORDER BY id") {
            try $0.text("id")
        }
        guard overlapping.isEmpty else {
            throw .clash(
                "NetworkSegmentRangeOverlaps",
                "Network segment range overlaps with range(s) with id \(overlapping.joined(separator: ", "))")
        }
    }

    // MARK: What is worked out

    /// Of a range of millions, nobody reads all that is free.
    private static let shownFree = 10_000

    static func derive(_ ranges: inout [Document], _ desk: Desk) throws(Failure) {
        let types = Set(ranges.compactMap { $0.text("network_type") }).sorted()
        var taken: [String: [(number: Int, project: String)]] = [:]
        let sql: SQL = """
            SELECT s.network_type, s.physical_network, s.segmentation_id, n.project_id FROM network_segment s
            JOIN network_network n ON n.id = s.network_id WHERE s.network_type IN \(.list(types))
            ORDER BY s.segmentation_id
            """
        try desk.tx.each(sql) { row in
            let wire = "\(try row.text("network_type")) \(try row.text("physical_network"))"
            taken[wire, default: []].append((try row.integer("segmentation_id"), try row.text("project_id")))
        }
        for index in ranges.indices {
            let range = ranges[index]
            let numbers = (range.integer("minimum") ?? 0)...(range.integer("maximum") ?? 0)
            let wire = "\(range.text("network_type") ?? "") \(range.text("physical_network") ?? "")"
            let own = (taken[wire] ?? []).filter { numbers.contains($0.number) }
            let known = Set(own.map(\.number))
            ranges[index]["used"] = .object(
                JSON.Object(own.map { JSON.Member(name: String($0.number), value: .string($0.project)) }))
            ranges[index]["available"] = .array(
                numbers.lazy.filter { !known.contains($0) }.prefix(shownFree).map { .number($0) })
        }
    }
}

extension Desk {
    /// The numbers from which a project's networks get theirs: its own ranges, then everybody's without what is kept for
    /// others.
    func ranges(
        of type: String, on physical: String, for project: String, usual: [ClosedRange<Int>]
    ) throws(Failure) -> [ClosedRange<Int>] {
        let own: SQL = "is_default = 0 AND network_type = \(type) AND physical_network = \(physical)"
        let rows = try tx.rows("SELECT * FROM network_segment_range WHERE \(own) ORDER BY minimum") { row in
            let (low, high) = (try row.integer("minimum"), try row.integer("maximum"))
            return (project: try row.optionalText("project_id"), numbers: low...high)
        }
        let others = rows.filter { $0.project != nil && $0.project != project }.map(\.numbers)
        let open = usual + rows.filter { $0.project == nil }.map(\.numbers)
        return rows.filter { $0.project == project }.map(\.numbers)
            + others.reduce(open) { left, next in left.flatMap { $0.without(next) } }
    }
}

extension ClosedRange<Int> {
    fileprivate func without(_ other: ClosedRange<Int>) -> [ClosedRange<Int>] {
        guard overlaps(other) else { return [self] }
        let below = lowerBound < other.lowerBound ? [lowerBound...(other.lowerBound - 1)] : []
        return below + (upperBound > other.upperBound ? [(other.upperBound + 1)...upperBound] : [])
    }
}
