import Base
import ComputeNode

/// Which hypervisor a node uses: what the operator names.
enum Hypervisors {
    static func make(_ settings: CloudSettings, _ world: World) throws(Failure) -> any Hypervisor {
        switch settings.hypervisor {
        case .simulated: SimulatedHypervisor(SimulatedNode(Hypervisors.simulatedSize(settings.nodeName), world: world))
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
