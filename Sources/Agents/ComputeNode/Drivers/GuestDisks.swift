import Base
import IO
import Programs

/// Makes what is missing of a guest's own disks. Each comes under another name and is moved in place when it is whole.
struct GuestDisks {
    let spec: GuestSpec
    let folder: GuestFolder
    let actor: String

    /// A disk of a terabyte at 300 MB a second.
    static let longestCopy = Duration.seconds(3_600)

    func ensure() async throws(Failure) {
        try folder.endLoan()
        if case .image(let path, let format, let sizeGB) = spec.root {
            try await ensure(folder.root) { (fresh) throws(Failure) in
                try await layOver(path, format, sizeGB, fresh)
            }
            try await fit(folder.root, to: Int64(sizeGB) << 30)
        }
        for (index, sizeGB) in spec.ephemeralGB.enumerated() {
            try await ensure(folder.ephemeral(index)) { (fresh) throws(Failure) in
                try LocalFiles.create(fresh, length: Int64(sizeGB) << 30)
                try await Program("mkfs.ext4", "-q", "-F", "-L", "ephemeral\(index)", fresh).run(by: actor)
            }
        }
        if spec.swapMB > 0 {
            try await ensure(folder.swap) { (fresh) throws(Failure) in
                try LocalFiles.create(fresh, length: Int64(spec.swapMB) << 20)
                try await Program("mkswap", fresh).run(by: actor)
            }
        }
        if let drive = spec.configDrive, Files.exists(drive) {
            try await Program("cp", "--", drive, folder.configDrive).run(by: actor)
        }
    }

    /// Disks that are about to be written from elsewhere: as long as they have to be, and nothing on them.
    func blank() async throws(Failure) {
        if case .image(let path, let format, let sizeGB) = spec.root {
            try await layOver(path, format, sizeGB, folder.root)
        }
        for (index, sizeGB) in spec.ephemeralGB.enumerated() {
            try LocalFiles.create(folder.ephemeral(index), length: Int64(sizeGB) << 30)
        }
        if spec.swapMB > 0 { try LocalFiles.create(folder.swap, length: Int64(spec.swapMB) << 20) }
        if let drive = spec.configDrive {
            try await Program("cp", "--", drive, folder.configDrive).run(by: actor)
        }
    }

    private func ensure(_ path: String, _ make: (String) async throws(Failure) -> Void) async throws(Failure) {
        guard !Files.exists(path) else { return }
        let fresh = path + ".new"
        try LocalFiles.remove(fresh)
        try await make(fresh)
        try LocalFiles.move(fresh, to: path)
    }

    /// What the disk was before it grew is kept in its own file, for as long as the way back is open.
    private static let before = "before"

    /// A guest that has got more room finds it at its next start. One whose room is taken back is given the disk that it
    /// had before; nothing else is ever cut off.
    private func fit(_ path: String, to bytes: Int64) async throws(Failure) {
        if Files.exists(folder.settled) {
            try await drop(path)
            try LocalFiles.remove(folder.settled)
        }
        // At 24 in a qcow2 file: how long the disk is; at 60: how many of its states are kept.
        let head = try FileSlice(path: path).read(24..<64)
        let size = head.prefix(8).reduce(Int64(0)) { $0 << 8 | Int64($1) }
        let keeps = head.dropFirst(36).contains { $0 != 0 }
        if size < bytes {
            if keeps { try await drop(path) }
            try await Program("qemu-img", "snapshot", "-c", GuestDisks.before, path).run(by: actor)
            try await Program("qemu-img", "resize", "-q", "-f", "qcow2", path, String(bytes)).run(by: actor)
        } else if size > bytes, bytes > 0, keeps {
            try await Program("qemu-img", "snapshot", "-a", GuestDisks.before, path).run(by: actor)
            try await drop(path)
        }
    }

    private func drop(_ path: String) async throws(Failure) {
        guard try FileSlice(path: path).read(60..<64).contains(where: { $0 != 0 }) else { return }
        try await Program("qemu-img", "snapshot", "-d", GuestDisks.before, path).run(by: actor)
    }

    private func layOver(_ image: String, _ format: DiskFormat, _ sizeGB: Int, _ path: String) async throws(Failure) {
        guard Files.exists(image) else { throw .notFound("image file", image) }
        var words = ["create", "-q", "-f", "qcow2", "-F", format.driver, "-b", image, path]
        if sizeGB > 0 { words.append("\(sizeGB)G") }
        try await Program("qemu-img", words).run(by: actor)
    }
}
