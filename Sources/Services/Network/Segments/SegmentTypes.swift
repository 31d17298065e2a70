import Base

/// How networks are told apart on the wire: what each type needs, and which numbers it may use.
struct SegmentType: Sendable {
    let name: String
    /// Whether it lies on a physical network that must be named.
    let isPhysical: Bool
    /// The numbers that an administrator may ask for; nil where there are none.
    let numbers: ClosedRange<Int>?
    /// What its headers take away from the physical network's packets.
    let overhead: Int

    static let local = SegmentType(name: "local", isPhysical: false, numbers: nil, overhead: 0)
    static let flat = SegmentType(name: "flat", isPhysical: true, numbers: nil, overhead: 0)
    static let vlan = SegmentType(name: "vlan", isPhysical: true, numbers: 1...4_094, overhead: 0)
    static let vxlan = SegmentType(name: "vxlan", isPhysical: false, numbers: 1...16_777_215, overhead: 50)
    static let gre = SegmentType(name: "gre", isPhysical: false, numbers: 1...4_294_967_295, overhead: 42)
    static let geneve = SegmentType(name: "geneve", isPhysical: false, numbers: 1...16_777_215, overhead: 58)

    static let all: [SegmentType] = [local, flat, vlan, vxlan, gre, geneve]

    /// Whether it is carried from host to host in packets of theirs.
    static func isTunnel(_ name: String) -> Bool { all.contains { $0.name == name && $0.overhead > 0 } }

    static func named(_ name: String) throws(Failure) -> SegmentType {
        guard let type = all.first(where: { $0.name == name }) else {
            throw .input("network_type value '\(name)' not supported")
        }
        return type
    }
}

/// What an operator says of the wires.
package struct SegmentSettings: Sendable {
    package struct Range: Sendable {
        package let physical: String
        package let numbers: ClosedRange<Int>

        package init(physical: String, numbers: ClosedRange<Int>) {
            self.physical = physical
            self.numbers = numbers
        }
    }

    /// What a project's network becomes, the first type with a free number.
    package var projectTypes = ["vxlan"]
    package var tunnels: [String: ClosedRange<Int>] = ["vxlan": 1...4_000, "geneve": 1...4_000, "gre": 1...4_000]
    package var vlans = [Range(physical: "physnet1", numbers: 100...1_999)]
    /// The physical networks that flat and external ones may lie on.
    package var physicalNetworks = ["public", "physnet1"]
    package var physicalMTU = 1_500

    package init() {}
}

/// One network's place on the wire.
struct Segment: Sendable, Hashable {
    var type: String
    var physical: String?
    var number: Int?
}
