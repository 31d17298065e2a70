import Base
import Contracts
import VolumeNode

/// A store of volumes that takes its time, and fails where the weather says so: before it has done anything, or after.
struct UnreliableDriver: VolumeDriver {
    let driver: SimulatedDriver
    let weather: Weather
    let clock: any Clock

    var kind: String { driver.kind }
    var backend: String { driver.backend }

    func capacity() async throws(Failure) -> StoreCapacity { try await driver.capacity() }
    func list() async throws(Failure) -> [StoredThing] { try await driver.list() }
    func describe(_ name: StoredName) async throws(Failure) -> StoredThing { try await driver.describe(name) }

    func ensureVolume(
        _ name: StoredName, bytes: Int64, _ filling: Filling, anew: Bool
    ) async throws(Failure) -> StoredThing {
        try await verb("store \(name.text)") { () async throws(Failure) in
            try await driver.ensureVolume(name, bytes: bytes, filling, anew: anew)
        }
    }

    func ensureCopy(_ order: CopyOrder) async throws(Failure) -> StoredThing {
        try await verb("copy \(order.source.text)") { () async throws(Failure) in try await driver.ensureCopy(order) }
    }

    func extend(_ name: StoredName, to bytes: Int64) async throws(Failure) -> StoredThing {
        try await verb("extend \(name.text)") { () async throws(Failure) in try await driver.extend(name, to: bytes) }
    }

    func remove(_ name: StoredName) async throws(Failure) {
        try await verb("remove \(name.text)") { () async throws(Failure) in try await driver.remove(name) }
    }

    func adopt(_ reference: String, as name: StoredName) async throws(Failure) -> StoredThing {
        try await driver.adopt(reference, as: name)
    }

    func export(_ name: StoredName, format: String) async throws(Failure) -> StoredImage {
        try await driver.export(name, format: format)
    }

    func connect(_ name: StoredName, from host: String?, isReadOnly: Bool) async throws(Failure) -> JSON {
        try await verb("connect \(name.text)") { () async throws(Failure) in
            try await driver.connect(name, from: host, isReadOnly: isReadOnly)
        }
    }

    func disconnect(_ name: StoredName, from host: String?) async throws(Failure) {
        try await verb("disconnect \(name.text)") { () async throws(Failure) in
            try await driver.disconnect(name, from: host)
        }
    }

    private func verb<Value>(
        _ what: String, _ body: () async throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        guard !weather.strikes(\.failingNodes, "the store fails to \(what)") else {
            throw .unavailable("The store has failed, as it was told to.")
        }
        do { try await clock.sleep(for: .milliseconds(300)) } catch { throw Failure(error) }
        let value = try await body()
        guard !weather.strikes(\.failingNodes, "the store is not heard: \(what)") else {
            throw .unavailable("The store did not answer, as it was told to.")
        }
        return value
    }
}
