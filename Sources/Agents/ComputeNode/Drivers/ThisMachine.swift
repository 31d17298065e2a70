import Base
import Glibc

extension Capacity {
    /// What this machine has for guests that QEMU runs, and whose disks are in that folder.
    init(ofThisMachineFor folder: String, version: Int, isAccelerated: Bool) throws(Failure) {
        var disk = statvfs()
        guard statvfs(folder, &disk) == 0 else { throw LocalFiles.failure("measure", folder) }
        let block = UInt64(disk.f_frsize)
        let memory = Int64(sysconf(Int32(_SC_PHYS_PAGES))) * Int64(sysconf(Int32(_SC_PAGESIZE)))
        let cores = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        let text = String(decoding: try Files.read("/proc/cpuinfo"), as: UTF8.self)
        self.init(
            host: Capacity.hostName, vcpus: cores, memoryMB: Int(memory >> 20),
            diskGB: Int((UInt64(disk.f_blocks) * block) >> 30), freeDiskGB: Int((UInt64(disk.f_bavail) * block) >> 30),
            hypervisor: "QEMU", version: version,
            cpu: CPU(
                architecture: "x86_64", model: Capacity.field("model name", in: text),
                vendor: Capacity.field("vendor_id", in: text),
                features: Capacity.field("flags", in: text).split(separator: " ").map(String.init), cores: cores),
            isAccelerated: isAccelerated)
    }

    private static var hostName: String {
        var name = [CChar](repeating: 0, count: 256)
        gethostname(&name, name.count - 1)
        return name.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
    }

    /// The first processor's.
    private static func field(_ name: String, in text: String) -> String {
        for line in text.split(separator: "\n") where line.hasPrefix(name) {
            guard let colon = line.firstIndex(of: ":") else { continue }
            return String(line[colon...].dropFirst(2))
        }
        return ""
    }
}
