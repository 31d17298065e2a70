package import Base
package import Contracts
import Glibc
import IO
import Programs

/// Volumes as raw files in a folder, snapshots as files that share their content where the file system can (XFS, btrfs)
/// and are sparse copies where it can't, backups as qcow2 files.
///
/// A file has another name until it is complete, so what has its name is right.
package struct FileDriver: VolumeDriver {
    package let kind = "file"
    package let backend: String
    private let folder: String
    private let pool = Pool(name: "volume files", threads: 4)
    private let turns = Turns()
    private let exports: NBDExports

    /// - Parameter address: where other hosts reach this one.
    package init(_ backend: String = "file", folder: String, address: String) throws(Failure) {
        self.backend = backend
        self.folder = folder
        exports = NBDExports(folder: folder, address: address)
        try LocalFiles.makeFolder(folder)
    }

    private func path(_ name: StoredName) -> String { "\(folder)/\(name.text)" }

    /// What isn't complete yet; whatever a crash left under this name is overwritten.
    private func part(_ name: StoredName) -> String { path(name) + ".part" }

    private func state(_ name: StoredName) -> StoredThing {
        guard let length = LocalFiles.length(path(name)) else { return .missing(name) }
        return StoredThing(name: name.text, isThere: true, bytes: length)
    }

    // MARK: What there is

    package func capacity() async throws(Failure) -> StoreCapacity {
        var status = statvfs()
        guard statvfs(folder, &status) == 0 else { throw LocalFiles.failure("measure", folder) }
        let block = UInt64(status.f_frsize)
        return StoreCapacity(
            totalGB: Int((UInt64(status.f_blocks) * block) >> 30), freeGB: Int((UInt64(status.f_bavail) * block) >> 30))
    }

    package func list() async throws(Failure) -> [StoredThing] {
        let names = try LocalFiles.names(in: folder).filter { !$0.hasSuffix(".part") && !$0.hasSuffix(".nbd") }
        return names.sorted().compactMap { name in
            LocalFiles.length("\(folder)/\(name)").map { StoredThing(name: name, isThere: true, bytes: $0) }
        }
    }

    package func describe(_ name: StoredName) async throws(Failure) -> StoredThing { state(name) }

    // MARK: Making

    package func ensureVolume(
        _ name: StoredName, bytes: Int64, _ filling: Filling, anew: Bool
    ) async throws(Failure) -> StoredThing {
        try await turns.take(name.text) { () async throws(Failure) in
            if state(name).isThere, !anew { return state(name) }
            do throws(Failure) {
                try await fill(name, bytes, filling)
            } catch {
                try LocalFiles.remove(part(name))
                throw error
            }
            try await settle(name)
            return state(name)
        }
    }

    private func settle(_ name: StoredName) async throws(Failure) {
        let (part, path) = (part(name), path(name))
        try await pool.run { () throws(Failure) in try LocalFiles.settle(part, as: path) }
    }

    private func fill(_ name: StoredName, _ bytes: Int64, _ filling: Filling) async throws(Failure) {
        let part = part(name)
        switch filling {
        case .nothing: try LocalFiles.create(part, length: bytes)
        case .stored(let source):
            guard state(source).isThere else { throw .notStored(source) }
            if source.kind == .backup {
                try await convert(path(source), "qcow2", to: part, "raw")
            } else {
                let path = path(source)
                try await pool.run { () throws(Failure) in try LocalFiles.copy(path, to: part) }
            }
        case .image(let content):
            if content.format == "raw" { try await store(content, in: part) } else { try await unpack(content, name) }
        }
        let length = LocalFiles.length(part) ?? 0
        guard length <= bytes else { throw .tooSmall(bytes, for: length) }
        try LocalFiles.grow(part, to: bytes)
    }

    /// Writes what comes, and leaves holes for zeroes.
    private func store(_ content: ImageContent, in path: String) async throws(Failure) {
        let file = try SparseFile(path)
        let pool = pool
        try await content.read { bytes throws(Failure) in
            try await pool.run { () throws(Failure) in try file.append(bytes) }
        }
        try file.finish()
    }

    private func unpack(_ content: ImageContent, _ name: StoredName) async throws(Failure) {
        let download = path(name) + ".download.part"
        do throws(Failure) {
            try await store(content, in: download)
            try await refuseReferences(download, content.format)
            try await convert(download, content.format, to: part(name), "raw")
        } catch {
            try LocalFiles.remove(download)
            throw error
        }
        try LocalFiles.remove(download)
    }

    /// An image that names other files would read whatever of ours it names.
    private func refuseReferences(_ path: String, _ format: String) async throws(Failure) {
        let outcome = try await Program("qemu-img", "info", "-f", format, "--output=json", path).run(by: "volume-node")
        let info = try JSONReader.read(outcome.output)
        guard info["backing-filename"] == nil, info["format-specific"]?["data"]?["data-file"] == nil else {
            throw .invalid("The image refers to other files, which is not allowed.")
        }
    }

    private func convert(_ source: String, _ from: String, to target: String, _ format: String) async throws(Failure) {
        try LocalFiles.remove(target)
        var program = Program("qemu-img", "convert", "-f", from, "-O", format, source, target)
        program.limit = FileDriver.longest
        try await program.run(by: "volume-node")
    }

    /// A terabyte at 100 MB/s takes three hours; who waits for less has a deadline of their own.
    private static let longest: Duration = .seconds(4 * 3_600)

    package func ensureCopy(_ order: CopyOrder) async throws(Failure) -> StoredThing {
        try await turns.take(order.target.text) { () async throws(Failure) in
            if state(order.target).isThere { return state(order.target) }
            guard state(order.source).isThere else { throw .notStored(order.source) }
            do throws(Failure) {
                try await copy(order)
            } catch {
                try LocalFiles.remove(part(order.target))
                throw error
            }
            try await settle(order.target)
            return state(order.target)
        }
    }

    private func copy(_ order: CopyOrder) async throws(Failure) {
        let (source, part) = (path(order.source), part(order.target))
        guard order.target.kind == .backup else {
            return try await pool.run { () throws(Failure) in try LocalFiles.copy(source, to: part) }
        }
        guard let parent = order.parent else { return try await convert(source, "raw", to: part, "qcow2") }
        guard state(parent).isThere else { throw .notStored(parent) }
        // An overlay over the volume is empty; put over the parent instead, it takes in just what differs.
        try LocalFiles.remove(part)
        try await Program("qemu-img", "create", "-f", "qcow2", "-F", "raw", "-b", source, part).run(by: "volume-node")
        var rebase = Program("qemu-img", "rebase", "-f", "qcow2", "-F", "qcow2", "-b", path(parent), part)
        rebase.limit = FileDriver.longest
        try await rebase.run(by: "volume-node")
    }

    // MARK: Changing

    package func extend(_ name: StoredName, to bytes: Int64) async throws(Failure) -> StoredThing {
        try await turns.take(name.text) { () async throws(Failure) in
            guard state(name).isThere else { throw .notStored(name) }
            try LocalFiles.grow(path(name), to: bytes)
            return state(name)
        }
    }

    package func remove(_ name: StoredName) async throws(Failure) {
        try await turns.take(name.text) { () async throws(Failure) in
            if name.kind == .volume { try await exports.close(name.text) }
            try LocalFiles.remove(part(name))
            try LocalFiles.remove(path(name))
            try LocalFiles.syncFolder(of: path(name))
        }
    }

    package func adopt(_ reference: String, as name: StoredName) async throws(Failure) -> StoredThing {
        try await turns.take(name.text) { () async throws(Failure) in
            if state(name).isThere { return state(name) }
            let source = "\(folder)/\(try LocalFiles.plain(reference))"
            guard LocalFiles.length(source) != nil else { throw .noFile(reference) }
            try LocalFiles.settle(source, as: path(name))
            return state(name)
        }
    }

    // MARK: Using

    package func export(_ name: StoredName, format: String) async throws(Failure) -> StoredImage {
        guard state(name).isThere else { throw .notStored(name) }
        if format == "raw" { return try content(of: path(name)) }
        guard let known = FileDriver.formats[format] else { throw .invalid("Volumes cannot be uploaded as \(format).") }
        let converted = path(name) + ".upload.part"
        try await convert(path(name), "raw", to: converted, known)
        let content = try content(of: converted)
        // It stays readable for whoever has it open, and is gone when they are done.
        try LocalFiles.remove(converted)
        return content
    }

    /// As qemu-img calls what image services know.
    private static let formats = ["qcow2": "qcow2", "vmdk": "vmdk", "vdi": "vdi", "vhd": "vpc", "vhdx": "vhdx"]

    private func content(of path: String) throws(Failure) -> StoredImage {
        let slice = try FileSlice(path: path)
        let pool = pool
        return StoredImage(length: slice.length) { range throws(Failure) in
            try await pool.run { () throws(Failure) in try slice.read(range) }
        }
    }

    package func connect(_ name: StoredName, from host: String?, isReadOnly: Bool) async throws(Failure) -> JSON {
        guard state(name).isThere else { throw .notStored(name) }
        let common: [JSON.Member] = [
            .init(name: "access_mode", value: isReadOnly ? "ro" : "rw"),
            .init(name: "volume_id", value: .string(name.id)), .init(name: "qos_specs", value: .null),
            .init(name: "encrypted", value: false), .init(name: "discard", value: true),
        ]
        guard host != nil else {
            let data: [JSON.Member] = [
                .init(name: "path", value: .string(path(name))), .init(name: "format", value: "raw"),
            ]
            return ["driver_volume_type": "file", "data": .object(JSON.Object(data + common))]
        }
        let place = try await turns.take(name.text) { () async throws(Failure) in
            try await exports.open(name.text, path(name), isReadOnly: isReadOnly)
        }
        let data: [JSON.Member] = [
            .init(name: "host", value: .string(place.host)), .init(name: "port", value: JSON(place.port)),
            .init(name: "export", value: .string(name.text)), .init(name: "format", value: "raw"),
        ]
        return ["driver_volume_type": "nbd", "data": .object(JSON.Object(data + common))]
    }

    package func disconnect(_ name: StoredName, from host: String?) async throws(Failure) {
        guard host != nil else { return }
        try await turns.take(name.text) { () async throws(Failure) in try await exports.close(name.text) }
    }
}
