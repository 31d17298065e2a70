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
        if case .image(let path, let format, let sizeGB) = spec.root {
            try await ensure(folder.root) { (fresh) throws(Failure) in
                try await layOver(path, format, sizeGB, fresh)
            }
            try await grow(folder.root, to: Int64(sizeGB) << 30)
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

    private func ensure(_ path: String, _ make: (String) async throws(Failure) -> Void) async throws(Failure) {
        guard !Files.exists(path) else { return }
        let fresh = path + ".new"
        try LocalFiles.remove(fresh)
        try await make(fresh)
        try LocalFiles.move(fresh, to: path)
    }

    /// A guest that has got more room finds it at its next start; what is there is never cut off.
    private func grow(_ path: String, to bytes: Int64) async throws(Failure) {
        // At 24 in a qcow2 file: how long the disk is.
        let size = try FileSlice(path: path).read(24..<32).reduce(Int64(0)) { $0 << 8 | Int64($1) }
        guard size < bytes else { return }
        try await Program("qemu-img", "resize", "-q", "-f", "qcow2", path, String(bytes)).run(by: actor)
    }

    private func layOver(_ image: String, _ format: DiskFormat, _ sizeGB: Int, _ path: String) async throws(Failure) {
        guard Files.exists(image) else { throw .notFound("image file", image) }
        var words = ["create", "-q", "-f", "qcow2", "-F", format.driver, "-b", image, path]
        if sizeGB > 0 { words.append("\(sizeGB)G") }
        try await Program("qemu-img", words).run(by: actor)
    }
}
