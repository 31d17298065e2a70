package import Base
import Glibc
import Programs

extension QEMUHypervisor {
    package func capacity() async throws(Failure) -> Capacity {
        var disk = statvfs()
        guard statvfs(folder, &disk) == 0 else { throw LocalFiles.failure("measure", folder) }
        let block = UInt64(disk.f_frsize)
        let memory = Int64(sysconf(Int32(_SC_PHYS_PAGES))) * Int64(sysconf(Int32(_SC_PAGESIZE)))
        let cores = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        let text = String(decoding: try Files.read("/proc/cpuinfo"), as: UTF8.self)
        let version = try await Program("qemu-system-x86_64", "--version").run(by: actor).text
        return Capacity(
            host: QEMUHypervisor.hostName, vcpus: cores, memoryMB: Int(memory >> 20),
            diskGB: Int((UInt64(disk.f_blocks) * block) >> 30), freeDiskGB: Int((UInt64(disk.f_bavail) * block) >> 30),
            hypervisor: "QEMU", version: QEMUHypervisor.version(in: version),
            cpu: Capacity.CPU(
                architecture: "x86_64", model: QEMUHypervisor.field("model name", in: text),
                vendor: QEMUHypervisor.field("vendor_id", in: text),
                features: QEMUHypervisor.field("flags", in: text).split(separator: " ").map(String.init), cores: cores),
            isAccelerated: accelerator == .kvm)
    }

    private static var hostName: String {
        var name = [CChar](repeating: 0, count: 256)
        gethostname(&name, name.count - 1)
        return name.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
    }

    /// "QEMU emulator version 7.2.22 (Debian …)" is 7002022.
    static func version(in text: String) -> Int {
        let word = text.split(whereSeparator: \.isWhitespace).first { $0.first?.isNumber == true } ?? ""
        let parts = word.split(separator: ".").map { Int($0) ?? 0 }
        return (parts + [0, 0, 0]).prefix(3).reduce(0) { $0 * 1_000 + $1 }
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
