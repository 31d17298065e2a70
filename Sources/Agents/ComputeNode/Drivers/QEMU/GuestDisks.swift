import Base
import Programs

/// Makes what is missing of a guest's own disks. Each comes under another name and is moved in place when it is whole.
struct GuestDisks {
    let spec: GuestSpec
    let folder: GuestFolder
    let actor: String

    func ensure() async throws(Failure) {
        if case .image(let path, let format, let sizeGB) = spec.root {
            try await ensure(folder.root) { (fresh) throws(Failure) in
                try await layOver(path, format, sizeGB, fresh)
            }
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

    private func layOver(_ image: String, _ format: DiskFormat, _ sizeGB: Int, _ path: String) async throws(Failure) {
        guard Files.exists(image) else { throw .notFound("image file", image) }
        var words = ["create", "-q", "-f", "qcow2", "-F", format.driver, "-b", image, path]
        if sizeGB > 0 { words.append("\(sizeGB)G") }
        try await Program("qemu-img", words).run(by: actor)
    }
}
