package import Base
package import Contracts
import Glibc

/// Volumes without bytes: names and sizes are kept, in a small file each, and everything is checked as if there were
/// content. For simulated hypervisors, whose guests never read a block.
package struct SimulatedDriver: VolumeDriver {
    package let kind = "simulated"
    package let backend: String
    private let folder: String
    private let totalGB: Int
    private let turns = Turns()

    package init(_ backend: String = "simulated", folder: String, totalGB: Int = 100_000) throws(Failure) {
        self.backend = backend
        self.folder = folder
        self.totalGB = totalGB
        try LocalFiles.makeFolder(folder)
    }

    private func path(_ name: String) -> String { "\(folder)/\(name).json" }

    package func capacity() async throws(Failure) -> StoreCapacity {
        let used = try await list().reduce(0) { $0 + $1.sizeGB }
        return StoreCapacity(totalGB: totalGB, freeGB: max(0, totalGB - used))
    }

    package func list() async throws(Failure) -> [StoredThing] {
        var things: [StoredThing] = []
        for file in try LocalFiles.names(in: folder) where file.hasSuffix(".json") {
            if let thing = try read(String(file.dropLast(5))) { things.append(thing) }
        }
        return things.sorted { $0.name < $1.name }
    }

    private func read(_ name: String) throws(Failure) -> StoredThing? {
        guard Files.exists(path(name)) else { return nil }
        return try StoredThing(JSONReader.read(try Files.read(path(name))))
    }

    private func write(_ name: String, _ bytes: Int64) throws(Failure) -> StoredThing {
        let thing = StoredThing(name: name, isThere: true, bytes: bytes)
        try Files.write(thing.json.text, to: path(name))
        return thing
    }

    package func describe(_ name: StoredName) async throws(Failure) -> StoredThing {
        try read(name.text) ?? .missing(name)
    }

    package func ensureVolume(
        _ name: StoredName, bytes: Int64, _ filling: Filling, anew: Bool
    ) async throws(Failure) -> StoredThing {
        try await turns.take(name.text) { () async throws(Failure) in
            if let thing = try read(name.text), !anew { return thing }
            let least = try await needed(filling)
            guard least <= bytes else { throw .tooSmall(bytes, for: least) }
            return try write(name.text, bytes)
        }
    }

    /// An image is really fetched, so that one that cannot be is noticed here too.
    private func needed(_ filling: Filling) async throws(Failure) -> Int64 {
        switch filling {
        case .nothing: return 0
        case .stored(let source):
            guard let thing = try read(source.text) else { throw .notStored(source) }
            return thing.bytes
        case .image(let content):
            try await content.read { _ throws(Failure) in }
            return content.length ?? 0
        }
    }

    package func ensureCopy(_ order: CopyOrder) async throws(Failure) -> StoredThing {
        try await turns.take(order.target.text) { () async throws(Failure) in
            if let thing = try read(order.target.text) { return thing }
            guard let source = try read(order.source.text) else { throw .notStored(order.source) }
            return try write(order.target.text, source.bytes)
        }
    }

    package func extend(_ name: StoredName, to bytes: Int64) async throws(Failure) -> StoredThing {
        try await turns.take(name.text) { () async throws(Failure) in
            guard let thing = try read(name.text) else { throw .notStored(name) }
            return thing.bytes >= bytes ? thing : try write(name.text, bytes)
        }
    }

    package func remove(_ name: StoredName) async throws(Failure) {
        try await turns.take(name.text) { () async throws(Failure) in try LocalFiles.remove(path(name.text)) }
    }

    package func adopt(_ reference: String, as name: StoredName) async throws(Failure) -> StoredThing {
        try await turns.take(name.text) { () async throws(Failure) in
            if let thing = try read(name.text) { return thing }
            guard let thing = try read(try LocalFiles.plain(reference)) else { throw .noFile(reference) }
            let adopted = try write(name.text, thing.bytes)
            try LocalFiles.remove(path(thing.name))
            return adopted
        }
    }

    /// There is nothing to read, so what is sent is the smallest thing that has the format's mark.
    package func export(_ name: StoredName, format: String) async throws(Failure) -> StoredImage {
        guard let thing = try read(name.text) else { throw .notStored(name) }
        let bytes = try EmptyImage.bytes(format: format, size: thing.bytes)
        return StoredImage(length: bytes.count) { range throws(Failure) in Array(bytes[range]) }
    }

    package func connect(_ name: StoredName, from host: String?, isReadOnly: Bool) async throws(Failure) -> JSON {
        guard try read(name.text) != nil else { throw .notStored(name) }
        return ["driver_volume_type": "simulated", "data": ["volume_id": .string(name.id)]]
    }

    package func disconnect(_ name: StoredName, from host: String?) async throws(Failure) {}
}
