import Base
import SQL

extension Segment {
    /// No place on the wire is given twice: the unique key says so, not the code above it.
    static let created = Migration(
        "create segment",
        """
        CREATE TABLE network_segment (
            network_id       VARCHAR(36) NOT NULL PRIMARY KEY,
            network_type     VARCHAR(32) NOT NULL,
            physical_network VARCHAR(64) NOT NULL,
            segmentation_id  BIGINT      NOT NULL,
            place            VARCHAR(36) NOT NULL,
            UNIQUE (network_type, physical_network, segmentation_id, place)
        )
        """)

    /// Networks of type local have no wire to share, so each has a place of its own.
    private func place(_ network: String) -> String { type == SegmentType.local.name ? network : "" }

    func insert(for network: String, _ desk: Desk) throws(Failure) {
        do throws(Failure) {
            try desk.tx.insert(
                into: "network_segment",
                [
                    "network_id": network, "network_type": type, "physical_network": physical ?? "",
                    "segmentation_id": number ?? 0, "place": place(network),
                ])
        } catch  where error.kind == .conflict {
            throw isTaken
        }
    }

    private var isTaken: Failure {
        switch type {
        case SegmentType.flat.name:
            .clash(
                "FlatNetworkInUse",
                "Unable to create the flat network. Physical network \(physical ?? "") is in use.")
        case SegmentType.vlan.name:
            .clash(
                "VlanIdInUse",
                "Unable to create the network. The VLAN \(number ?? 0) on physical network \(physical ?? "") is in use."
            )
        default:
            .clash("TunnelIdInUse", "Unable to create the network. The tunnel ID \(number ?? 0) is in use.")
        }
    }
}

extension Desk {
    func segments(of networks: [String]) throws(Failure) -> [String: Segment] {
        var segments: [String: Segment] = [:]
        try tx.each("SELECT * FROM network_segment WHERE network_id IN \(.list(networks))") { row in
            let physical = try row.text("physical_network")
            let number = try row.integer("segmentation_id")
            segments[try row.text("network_id")] = Segment(
                type: try row.text("network_type"), physical: physical.isEmpty ? nil : physical,
                number: number == 0 ? nil : number)
        }
        return segments
    }

    func removeSegment(of network: String) throws(Failure) {
        try tx.run("DELETE FROM network_segment WHERE network_id = \(network)")
    }

    /// The lowest number that nobody has.
    private func free(_ type: String, _ physical: String, in numbers: ClosedRange<Int>) throws(Failure) -> Int? {
        let first = numbers.lowerBound
        let taken: SQL = "network_type = \(type) AND physical_network = \(physical)"
        guard try tx.exists("SELECT 1 FROM network_segment WHERE \(taken) AND segmentation_id = \(first)") else {
            return first
        }
        let next = try tx.count(
            """
            SELECT MIN(s.segmentation_id) + 1 FROM network_segment s
            WHERE s.\(taken) AND s.segmentation_id >= \(first) AND NOT EXISTS (
                SELECT 1 FROM network_segment t WHERE t.network_type = s.network_type
                AND t.physical_network = s.physical_network AND t.segmentation_id = s.segmentation_id + 1)
            """)
        return numbers.contains(next) ? next : nil
    }

    /// A place for a network whose maker doesn't care.
    func allocateSegment(for project: String) throws(Failure) -> Segment {
        for type in service.settings.segments.projectTypes {
            if let segment = try allocate(type, on: nil, for: project) { return segment }
        }
        throw Failure(
            .unavailable, "Unable to create the network. No project network is available for allocation.",
            name: "NoNetworkAvailable")
    }

    private func allocate(_ type: String, on physical: String?, for project: String) throws(Failure) -> Segment? {
        let settings = service.settings.segments
        if type == SegmentType.local.name { return Segment(type: type, physical: nil, number: nil) }
        if let numbers = settings.tunnels[type] {
            for range in try ranges(of: type, on: "", for: project, usual: [numbers]) {
                if let number = try free(type, "", in: range) {
                    return Segment(type: type, physical: nil, number: number)
                }
            }
            return nil
        }
        for physical in physical.map({ [$0] }) ?? settings.physicalNetworks {
            let usual = settings.vlans.filter { $0.physical == physical }.map(\.numbers)
            for range in try ranges(of: type, on: physical, for: project, usual: usual) {
                if let number = try free(type, physical, in: range) {
                    return Segment(type: type, physical: physical, number: number)
                }
            }
        }
        return nil
    }

    /// The place that an administrator asks for, completed where something is left open.
    func segment(
        _ type: String, physical: String?, number: Int?, for project: String
    ) throws(Failure) -> Segment {
        let kind = try SegmentType.named(type)
        let settings = service.settings.segments
        if !kind.isPhysical, physical != nil {
            throw .input("provider:physical_network specified for \(type) network")
        }
        if let number {
            guard let numbers = kind.numbers else {
                throw .input("provider:segmentation_id specified for \(type) network")
            }
            guard numbers.contains(number) else {
                throw .input(
                    "provider:segmentation_id out of range (\(numbers.lowerBound) through \(numbers.upperBound))")
            }
        }
        if let physical, !settings.physicalNetworks.contains(physical) {
            throw .input("physical_network '\(physical)' unknown for \(type) provider network")
        }
        if kind.isPhysical, physical == nil, kind.numbers == nil || number != nil {
            throw .input("physical_network required for \(type) provider network")
        }
        if kind.numbers == nil || number != nil { return Segment(type: type, physical: physical, number: number) }
        guard let segment = try allocate(type, on: physical, for: project) else {
            throw Failure(
                .unavailable, "Unable to create the network. No project network is available for allocation.",
                name: "NoNetworkAvailable")
        }
        return segment
    }
}
