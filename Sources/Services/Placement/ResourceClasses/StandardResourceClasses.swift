/// The classes of resources that every cloud knows, in the order in which they came to be.
enum StandardResourceClasses {
    static let ordered: [String] = [
        "VCPU", "MEMORY_MB", "DISK_GB", "PCI_DEVICE", "SRIOV_NET_VF", "NUMA_SOCKET", "NUMA_CORE",
        "NUMA_THREAD", "NUMA_MEMORY_MB", "IPV4_ADDRESS", "VGPU", "VGPU_DISPLAY_HEAD",
        "NET_BW_EGR_KILOBIT_PER_SEC", "NET_BW_IGR_KILOBIT_PER_SEC", "PCPU", "MEM_ENCRYPTION_CONTEXT",
        "FPGA", "PGPU", "NET_PACKET_RATE_KILOPACKET_PER_SEC", "NET_PACKET_RATE_EGR_KILOPACKET_PER_SEC",
        "NET_PACKET_RATE_IGR_KILOPACKET_PER_SEC",
    ]

    static let names = Set(ordered)

    /// The standard ones as they came to be, then the custom ones as they are spelled.
    static func inOrder(_ names: [String]) -> [String] {
        let custom = names.filter { !self.names.contains($0) }
        return ordered.filter { names.contains($0) } + custom.sorted()
    }
}
