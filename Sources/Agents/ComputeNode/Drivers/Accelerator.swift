import Base
import Glibc
import Programs

/// What executes guests' instructions.
package enum Accelerator: String, Sendable {
    case kvm
    /// QEMU's own emulation.
    case tcg

    /// An emulator keeps what it has translated: 32 MB instead of a gigabyte of it costs no speed that was measurable.
    static let translationsMB = 32

    var argument: String { self == .kvm ? "kvm" : "tcg,tb-size=\(Accelerator.translationsMB)" }

    /// Emulated, a plain processor starts fastest and can move anywhere; a real one is worth having whole.
    var cpu: String { self == .kvm ? "host" : "qemu64" }

    /// Whether `/dev/kvm` is worth anything. That it is there, and says so, proves nothing: there are machines on which
    /// it emulates one instruction at a time. So a machine is booted whose disk counts down from fifty million and says
    /// when it is done, which takes a processor a tenth of a second and such a one minutes.
    ///
    /// The answer is kept beside the guests, for this kernel.
    static func proven(in folder: String, by actor: String) async throws(Failure) -> Accelerator {
        guard access("/dev/kvm", R_OK | W_OK) == 0 else { return .tcg }
        let answer = folder + "/accelerator"
        let kernel = (try? Files.read("/proc/version")).map { String(decoding: $0, as: UTF8.self) } ?? ""
        if let known = try? Files.read(answer) {
            let parts = String(decoding: known, as: UTF8.self).split(separator: "\n", maxSplits: 1)
            if parts.count == 2, parts[1] == kernel, let accelerator = Accelerator(rawValue: String(parts[0])) {
                return accelerator
            }
        }
        let accelerator: Accelerator = try await boots(.kvm, in: folder, by: actor) ? .kvm : .tcg
        try Files.write(accelerator.rawValue + "\n" + kernel, to: answer)
        return accelerator
    }

    static func boots(_ accelerator: Accelerator, in folder: String, by actor: String) async throws(Failure) -> Bool {
        let disk = folder + "/probe.raw"
        try LocalFiles.remove(disk)
        try LocalFiles.create(disk, length: 512, pieces: [(0, probe), (510, [0x55, 0xAA])])
        defer { unlink(disk) }
        var machine = Program(
            "qemu-system-x86_64", "-M", "pc", "-cpu", accelerator.cpu, "-accel", accelerator.argument, "-m", "16",
            "-nodefaults",
            "-display", "none", "-no-reboot", "-device", "isa-debug-exit,iobase=0xf4,iosize=4", "-drive",
            "format=raw,if=ide,file=" + Machine.escaped(disk))
        machine.limit = .seconds(5)
        do throws(Failure) { return try await machine.outcome(by: actor).status == finished } catch {
            guard error.kind == .timedOut else { throw error }
            return false
        }
    }

    /// What QEMU ends with when 0x2A is written to the debug port.
    private static let finished = 0x2A << 1 | 1

    /// Into protected mode, 50,000,000 times `dec`, `out`.
    private static let probe: [UInt8] = [
        0xFA, 0x31, 0xC0, 0x8E, 0xD8,  // no interrupts, data segment 0
        0x66, 0x0F, 0x01, 0x16, 0x40, 0x7C,  // lgdt [7c40]
        0x0F, 0x20, 0xC0, 0x0C, 0x01, 0x0F, 0x22, 0xC0,  // cr0 |= 1
        0x66, 0xEA, 0x1B, 0x7C, 0x00, 0x00, 0x08, 0x00,  // jump to 08:7c1b
        0xB9, 0x80, 0xF0, 0xFA, 0x02,  // ecx = 50,000,000
        0x49, 0x75, 0xFD,  // until ecx is 0: ecx -= 1
        0xB0, 0x2A, 0xE6, 0xF4,  // out f4, 2a
        0xF4, 0xEB, 0xFD,  // halt
        0x8D, 0xB6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  // up to 7c38
        0xFF, 0xFF, 0x00, 0x00, 0x00, 0x9A, 0xCF, 0x00,  // all memory, code
        0x0F, 0x00, 0x30, 0x7C, 0x00, 0x00,  // 16 bytes of segments, at 7c30
    ]
}
