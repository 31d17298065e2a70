import Base
import ComputeNode
import IO

/// Which hypervisor a node uses: what the operator names, or what the machine has.
enum Hypervisors {
    static func make(_ settings: CloudSettings, _ loops: Loops, _ world: World) async throws(Failure)
        -> [any Hypervisor]
    {
        switch settings.hypervisor.resolved {
        case .qemu: [try await QEMUHypervisor(folder: settings.data.servers, loops: loops, world: world)]
        case .libvirt:
            [
                try await LibvirtHypervisor(
                    folder: settings.data.servers, daemon: settings.data.libvirt, world: world)
            ]
        case .auto, .simulated:
            settings.nodeNames.map { name in
                SimulatedHypervisor(
                    SimulatedNode(
                        Hypervisors.simulatedSize(name), pace: settings.simulatedPace == .quick ? .atOnce : .believable,
                        world: world))
            }
        }
    }

    /// Large enough for whatever a test or a lesson wants to try.
    private static func simulatedSize(_ host: String) -> Capacity {
        Capacity(
            host: host, vcpus: 64, memoryMB: 262_144, diskGB: 4_096, freeDiskGB: 4_096, hypervisor: "simulated",
            version: 1_000_000,
            cpu: Capacity.CPU(architecture: "x86_64", model: "simulated", vendor: "Martlet", cores: 64),
            isAccelerated: false)
    }
}

extension HypervisorKind {
    /// Guests are real, and so has to be what they are plugged into.
    var isReal: Bool { resolved != .simulated }

    /// What `auto` comes to on this machine.
    package var resolved: HypervisorKind {
        guard self == .auto else { return self }
        return Files.exists("/usr/bin/qemu-system-x86_64") ? .qemu : .simulated
    }
}
