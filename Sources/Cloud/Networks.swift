package import Base
import Glibc
import IO
import Network
import NetworkNode
import Programs
import Trace

/// What makes networks real on a node.
package enum NetworkMechanism: String, Sendable, CaseIterable {
    /// Linux bridges where guests are real and this process may make them, else simulated.
    case auto
    case linuxbridge
    case simulated

    package init(named text: String) throws(Failure) {
        guard let mechanism = NetworkMechanism(rawValue: text) else {
            let known = NetworkMechanism.allCases.map(\.rawValue).joined(separator: ", ")
            throw .invalid("There is no network mechanism \(text). There are: \(known).")
        }
        self = mechanism
    }

    /// What `auto` comes to on this machine.
    func resolved(for hypervisor: HypervisorKind) async -> NetworkMechanism {
        guard self == .auto else { return self }
        guard hypervisor.isReal, geteuid() == 0 else { return .simulated }
        return await LinuxBridges.areUsable() ? .linuxbridge : .simulated
    }

    func settings(host: String) -> NetworkSettings {
        var settings = NetworkSettings()
        settings.host = host
        settings.drivers = self == .linuxbridge ? [LinuxBridgeDriver()] : [SimulatedDriver()]
        return settings
    }

    func wires(_ settings: CloudSettings, _ door: MetadataDoor, world: World, log: Log) -> any Wires {
        guard self == .linuxbridge else { return SimulatedWires() }
        return LinuxBridges(
            host: settings.nodeName, folder: settings.data.networks, cloud: settings.data.path,
            uplinks: settings.uplinks.leads, end: settings.tunnelAddress, door: door, world: world, log: log)
    }

    /// The addresses of a new cloud's way out. Those for documentation (RFC 5737) mean nothing anywhere else; another
    /// cloud on the same machine may have the first of them already.
    func publicRange(_ settings: CloudSettings) async throws(Failure) -> String {
        if let range = settings.publicRange { return range }
        let candidates = ["203.0.113.0/24", "198.51.100.0/24"] + (4...31).map { "172.24.\($0).0/24" }
        guard self == .linuxbridge else { return candidates[0] }
        let output = try await Program("ip", "-j", "route", "show", "table", "all").run(by: "cloud").output
        let routes = try JSONReader.read(output).array ?? []
        let taken = routes.compactMap { $0["dst"]?.string.flatMap { IPNetwork($0) } }
        return candidates.first { candidate in
            guard let range = IPNetwork(candidate) else { return false }
            return !taken.contains { $0.prefix > 0 && $0.overlaps(range) }
        } ?? candidates[0]
    }
}

/// Where physical networks lead from a host: `public=host,physnet1=eth1`.
package struct Uplinks: Sendable {
    let leads: [String: Uplink]

    package static let usual = Uplinks(leads: ["public": .host])

    private init(leads: [String: Uplink]) { self.leads = leads }

    package init(_ text: String) throws(Failure) {
        var leads: [String: Uplink] = [:]
        for part in text.split(separator: ",") {
            let words = part.split(separator: "=")
            guard words.count == 2 else {
                throw .invalid("network.uplinks must be NAME=DEVICE or NAME=host, with commas between, not \(text).")
            }
            leads[String(words[0])] = words[1] == "host" ? .host : .device(String(words[1]))
        }
        self.leads = leads
    }
}
