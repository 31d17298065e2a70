package import Base

/// What connects a port to a host's part of a network. A driver says how, the host's agent then does it.
package protocol MechanismDriver: Sendable {
    var name: String { get }
    /// How a port of a network of this type is plugged in on that host; nil when this driver can't.
    func bind(_ port: PortToBind) -> PortBinding?
}

/// What a driver may know of a port.
package struct PortToBind: Sendable {
    package let id: String
    package let network: String
    package let networkType: String
    package let host: String
    package let vnicType: String
    package let isFiltered: Bool
}

/// How a port is plugged in: what compute is told, and whether an agent has yet to report that it's done.
package struct PortBinding: Sendable {
    package let interface: String
    package let details: [String: JSON]
    package let status: String

    package init(interface: String, details: [String: JSON], status: String) {
        self.interface = interface
        self.details = details
        self.status = status
    }
}

/// Nodes that only exist in memory: every port is up as soon as it is bound.
package struct SimulatedDriver: MechanismDriver {
    package let name = "simulated"

    package init() {}

    package func bind(_ port: PortToBind) -> PortBinding? {
        guard port.vnicType == "normal" else { return nil }
        return PortBinding(interface: "other", details: ["port_filter": .bool(port.isFiltered)], status: "ACTIVE")
    }
}

/// Linux bridges on the host. The port is up when the host's agent says so; a host with no such agent cannot bind one.
package struct LinuxBridgeDriver: MechanismDriver {
    package let name = "linuxbridge"
    private static let types: Set<String> = ["local", "flat", "vlan", "vxlan"]

    package init() {}

    package func bind(_ port: PortToBind) -> PortBinding? {
        guard port.vnicType == "normal", Self.types.contains(port.networkType) else { return nil }
        return PortBinding(
            interface: "bridge",
            details: [
                "port_filter": .bool(port.isFiltered), "bridge_name": .string("brq" + port.network.prefix(11)),
                "connectivity": "l2",
            ], status: "DOWN")
    }
}
