import Base
import Crypto
import HTTP
import SQL

/// Data in the web that becomes an image's where it lies.
struct NamedLocation: Sendable {
    let url: String
    /// What who names it says that it hashes to.
    let promise: Promise?

    struct Promise: Sendable {
        let algorithm: Digest
        let value: String

        /// nil where nothing is said, which clients also say by an empty object.
        init?(_ json: JSON?) throws(Failure) {
            guard let json, json != .null, json != [:] else { return nil }
            guard let name = json["os_hash_algo"]?.string, let value = json["os_hash_value"]?.string else {
                throw .invalid("Both os_hash_algo and os_hash_value are required in validation_data.")
            }
            guard let algorithm = Digest(rawValue: name) else {
                throw .invalid("Invalid value '\(name)' for os_hash_algo.")
            }
            guard value.utf8.count == algorithm.length * 2, value.allSatisfy(\.isHexDigit) else {
                throw .invalid("Invalid os_hash_value: wrong size or form for \(name).")
            }
            self.algorithm = algorithm
            self.value = value
        }
    }
}

extension ImageService {
    /// Reads the data once, to know what it is; it stays where it is.
    func note(
        _ location: NamedLocation, by intake: Intake, _ order: Imports.Order, _ web: any Web
    ) async throws(Failure) {
        let body = try await web.fetch(location.url, within: settings.webRules)
        let reception = try await store.receive()
        let outcome: Outcome
        let promised: String?
        do throws(Failure) {
            outcome = try await intake.receive(body, into: reception)
            promised = try await promise(location, reception)
        } catch {
            await reception.discard()
            throw error
        }
        await reception.discard()
        guard case .admitted(let virtualSize) = outcome.verdict else { throw outcome.refusal }
        if let promise = location.promise, promised != promise.value.lowercased() {
            throw .invalid("The data at \(location.url) does not hash to what was promised.")
        }
        let (image, digests, now) = (intake.image.id, outcome.digests, world.now)
        let algorithm = location.promise?.algorithm.rawValue ?? Digests.algorithm
        try await intake.note { tx in
            try tx.run(
                """
                UPDATE image SET status = 'active', size = \(digests.size), virtual_size = \(virtualSize),
                    checksum = \(digests.md5), hash_algorithm = \(algorithm), hash = \(promised ?? digests.sha512),
                    url = \(location.url), stores = \(order.stores[0].id), work = NULL, deadline = NULL,
                    updated_at = \(now)
                WHERE id = \(image)
                """)
            try tx.end(order, order.stores.map(\.id), at: now)
        }
    }

    /// What the data hashes to in the way that was promised.
    private func promise(_ location: NamedLocation, _ reception: any Reception) async throws(Failure) -> String? {
        guard let algorithm = location.promise?.algorithm else { return nil }
        return try await reception.look { bytes throws(Failure) in
            var digest = RunningDigest(algorithm)
            var place = 0
            while place < bytes.count {
                digest.update(try bytes.read(place..<min(bytes.count, place + 1 << 20)))
                place += 1 << 20
            }
            return Hex.text(digest.finish())
        }
    }
}
