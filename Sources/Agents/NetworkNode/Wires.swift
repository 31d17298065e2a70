package import Base
package import Contracts

/// What makes a host's networks as they are to be.
package protocol Wires: Sendable {
    /// As agents are listed: what does the work here.
    var agents: [WireReport.Agent] { get }
    /// Looks, and changes what differs. Answers with the ports that are connected now.
    func converge(_ desired: HostNetwork) async throws(Failure) -> Set<String>
    /// The program ends. What guests still need stays, and is found again at the next start.
    func rest(_ desired: HostNetwork) async
}

/// No wires at all: for hosts whose guests are not real either.
package struct SimulatedWires: Wires {
    package init() {}

    package var agents: [WireReport.Agent] {
        [
            WireReport.Agent(
                type: "Simulated agent", program: "martlet-simulated-agent", topic: "N/A",
                configurations: ["simulated": true])
        ] + WireReport.Agent.shared(["simulated": true])
    }

    package func converge(_ desired: HostNetwork) async throws(Failure) -> Set<String> {
        Set(desired.ports.filter(\.isUp).map(\.id))
    }

    package func rest(_ desired: HostNetwork) async {}
}

extension WireReport.Agent {
    /// The parts that every host with networks has, by the names that clients look for.
    static func shared(_ more: JSON.Object) -> [WireReport.Agent] {
        let with = { (own: JSON.Object) in JSON.object(JSON.Object(own.members + more.members)) }
        return [
            WireReport.Agent(
                type: "DHCP agent", program: "neutron-dhcp-agent", topic: "dhcp_agent",
                configurations: with(["dhcp_driver": "dnsmasq", "dhcp_lease_duration": 86_400])),
            WireReport.Agent(
                type: "L3 agent", program: "neutron-l3-agent", topic: "l3_agent",
                configurations: with(["agent_mode": "legacy", "handle_internal_only_routers": true])),
            WireReport.Agent(
                type: "Metadata agent", program: "neutron-metadata-agent", topic: "N/A",
                configurations: with(["nova_metadata_host": "bus"])),
        ]
    }
}

extension JSON.Object: ExpressibleByDictionaryLiteral {
    package init(dictionaryLiteral elements: (String, JSON)...) {
        self.init(elements.map { JSON.Member(name: $0, value: $1) })
    }
}
