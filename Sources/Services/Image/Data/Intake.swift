import API
import Base
import HTTP
import IO
import Policy
import SQL

/// Data on its way into an image: it ends with the data kept and noted, or with the image as it was.
///
/// The key of the data stands in the image's row from the beginning, together with a deadline that moves on while data
/// comes. So whatever happens to this process, what it leaves behind is found and cleared away.
struct Intake: Sendable {
    let service: ImageService
    var image: Image
    let key: StoreKey
    /// Into which it goes.
    let store: any Store

    /// Marks the image as taking data in, if it may.
    ///
    /// - Parameter more: what else must hold, or happen, at the same time.
    static func begin(
        _ call: Call<ImageService>, may rule: Rule, as status: Image.Status, into store: (any Store)? = nil,
        _ more: @escaping @Sendable (Image, Transaction) throws -> Void = { _, _ in }
    ) async throws(Failure) -> Intake {
        let service = call.service
        let key = StoreKey(service.world.chance)
        let permit = call.permit(rule)
        let sight = call.sight
        let now = service.world.now
        let settings = service.settings
        let deadline = now + (status == .importing ? settings.importPatience : settings.uploadPatience)
        let image = try await service.database.write { tx in
            var image = try tx.image(call.imageID, in: sight)
            try permit.require(image)
            try tx.forgetImport(of: image.id)
            try more(image, tx)
            try image.requireReady(for: status)
            try service.requireRoom(tx, image.owner)
            try tx.run(
                """
                UPDATE image SET status = \(status), work = \(key.text), stores = NULL, url = NULL,
                    updated_at = \(now), deadline = \(deadline)
                WHERE id = \(image.id)
                """)
            image.status = status
            return image
        }
        return Intake(service: service, image: image, key: key, store: store ?? service.store)
    }

    /// Takes a body in, and notes with `commit` what it was. Whatever goes wrong, nothing of it stays.
    ///
    /// - Parameter spread: puts the data into other stores too, before it is noted, and says which have it.
    func take(
        _ body: HTTPBody, _ spread: ((Outcome) async throws(Failure) -> [String])? = nil,
        noting commit: @escaping @Sendable (Transaction, Outcome, _ stores: [String]) throws -> Void
    ) async throws(Failure) {
        do throws(Failure) {
            let reception = try await store.receive()
            let outcome: Outcome
            do throws(Failure) {
                outcome = try await receive(body, into: reception)
                try await reception.keep(as: key)
            } catch {
                await reception.discard()
                throw error
            }
            let stores = try await spread?(outcome) ?? [store.id]
            try await note { tx in try commit(tx, outcome, stores) }
        } catch {
            try await giveUp()
            throw error
        }
    }

    func receive(_ body: HTTPBody, into reception: any Reception) async throws(Failure) -> Outcome {
        let limit = try await service.allowance(of: image.owner)
        let block = Block()
        var written = 0
        var renewal = service.world.now + service.settings.uploadPatience / 4
        var isMore = true
        while isMore {
            isMore = try await body.fill(block)
            while block.isFull || !isMore && block.count > 0 {
                written += block.count
                try await reception.write(block)
                block.clear()
            }
            guard written + block.count <= limit else {
                throw Failure(.tooLarge, "Image exceeds the storage quota or the size limit.")
            }
            if service.world.now > renewal {
                try await renew()
                renewal = service.world.now + service.settings.uploadPatience / 4
            }
        }
        let digests = try await reception.finish()
        return Outcome(digests: digests, verdict: try await look(at: reception))
    }

    /// Containers other than a bare disk are nobody's to look into.
    private func look(at reception: any Reception) async throws(Failure) -> Verdict {
        guard image.containerFormat == "bare", let format = image.diskFormat else { return .admitted(nil) }
        let mustMatch = service.settings.requireFormatMatch
        return try await reception.look { bytes throws(Failure) in
            do throws(Failure) {
                return .admitted(try DiskFormat.admit(bytes, as: format, mustMatch: mustMatch))
            } catch  where error.kind == .unsupportedMediaType {
                return .refused(error.message)
            }
        }
    }

    func note(_ commit: @escaping @Sendable (Transaction) throws -> Void) async throws(Failure) {
        let (image, key) = (image, key)
        try await service.database.write { tx in
            guard try tx.exists("SELECT 1 FROM image WHERE id = \(image.id) AND work = \(key.text)") else {
                throw Failure(
                    .gone, "Image \(image.id) could not be found after upload. It may have been deleted meanwhile.")
            }
            try commit(tx)
        }
    }

    private func renew() async throws(Failure) {
        let deadline = service.world.now + service.settings.uploadPatience
        try await service.database.write { tx in
            try tx.run("UPDATE image SET deadline = \(deadline) WHERE id = \(image.id) AND work = \(key.text)")
        }
    }

    private func giveUp() async throws(Failure) {
        try await service.remove([key])
        let now = service.world.now
        try await service.database.write { tx in
            try tx.requeue("id = \(image.id) AND work = \(key.text)", at: now)
        }
    }
}

/// What came in: how much, and what a look inside says of it.
struct Outcome: Sendable {
    let digests: Digests
    let verdict: Verdict
}

enum Verdict: Sendable {
    /// With the size of the disk that it makes, where that is known.
    case admitted(Int?)
    case refused(String)
}

extension Transaction {
    /// Sets images back to where data can be taken in anew.
    func requeue(_ condition: SQL, at now: Moment) throws(Failure) {
        try run(
            """
            UPDATE image SET status = 'queued', size = NULL, virtual_size = NULL, checksum = NULL,
                hash_algorithm = NULL, hash = NULL, data = NULL, stores = NULL, url = NULL, staged = NULL, work = NULL, deadline = NULL,
                updated_at = \(now)
            WHERE \(condition)
            """)
    }
}

extension ImageService {
    /// Refuses when too much of a project is on its way in already.
    fileprivate func requireRoom(_ tx: Transaction, _ project: String?) throws(Failure) {
        let uploads = try tx.count(
            """
            SELECT COUNT(*) FROM image WHERE owner = \(project) AND status IN ('saving', 'uploading', 'importing')
            """)
        try Image.require(uploads + 1, within: settings.projectUploads, "images being uploaded")
        guard let limit = settings.projectBytes else { return }
        guard try tx.projectBytes(project) < limit else {
            throw Failure(.overQuota, "Image exceeds the storage quota: project \(project ?? "") has used it up.")
        }
    }

    /// How many bytes a project's next image may have.
    fileprivate func allowance(of project: String?) async throws(Failure) -> Int {
        guard let limit = settings.projectBytes else { return settings.largestImage }
        let used = try await database.read { try $0.projectBytes(project) }
        return min(settings.largestImage, max(0, limit - used))
    }
}

extension Transaction {
    func projectBytes(_ project: String?) throws(Failure) -> Int {
        try count("SELECT COALESCE(SUM(size), 0) FROM image WHERE owner = \(project)")
    }
}
