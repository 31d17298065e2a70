package import Base
import HTTP
import IO
import SQL

/// Imports that wait for their turn, and the ones that are under way.
///
/// What is waiting stands in the database as well, as a task and an image that is importing: a process that starts sets
/// back what an earlier one had still to do.
final class Imports: Sendable {
    /// Many wait rather than all at once: each takes a connection, and disk bandwidth is what they have in common.
    private static let atOnce = 4
    /// As many as one may reasonably ask for before some of them are done.
    private static let waiting = 1_000

    struct Order: Sendable {
        let task: ImageTask
        /// Where the data is to lie. It comes into the first of them.
        let stores: [any Store]
        let isAllOrNothing: Bool
        let source: Source

        enum Source: Sendable {
            case web(Intake, String)
            case elsewhere(Intake, RemoteImage)
            case staged(Intake, Outcome)
            case copy(Image)
            case named(Intake, NamedLocation)
        }

        /// What is under way with the image, which is set back if it fails; nothing where it is only copied.
        var intake: Intake? {
            switch source {
            case .web(let intake, _), .elsewhere(let intake, _), .staged(let intake, _), .named(let intake, _): intake
            case .copy: nil
            }
        }
    }

    private let orders: AsyncStream<Order>
    private let inlet: AsyncStream<Order>.Continuation

    init() { (orders, inlet) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(Imports.waiting)) }

    /// False if too many wait already.
    func add(_ order: Order) -> Bool {
        if case .enqueued = inlet.yield(order) { return true }
        return false
    }

    /// Carries orders out until the task is cancelled.
    func run(_ carryOut: @escaping @Sendable (Order) async -> Void) async {
        await withTaskGroup(of: Void.self) { group in
            var running = 0
            for await order in orders {
                if running == Imports.atOnce {
                    await group.next()
                    running -= 1
                }
                running += 1
                group.addTask { await carryOut(order) }
            }
        }
    }
}

extension ImageService {
    /// Fetches from the web what users import, and gives up what is overdue, until the task is cancelled.
    ///
    /// - Parameter complain: told when something could not even be noted as failed.
    package func run(_ web: any Web, complain: @escaping @Sendable (Failure) -> Void) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await self.imports.run { order in
                    do throws(Failure) { try await self.carryOut(order, web) } catch { complain(error) }
                }
            }
            group.addTask { await self.fillCache(complain: complain) }
            group.addTask {
                while (try? await self.world.clock.sleep(for: .seconds(60))) != nil {
                    do throws(Failure) { try await self.settleOverdue() } catch { complain(error) }
                    do throws(Failure) { try await self.settleCache() } catch { complain(error) }
                }
            }
        }
    }

    private func carryOut(_ order: Imports.Order, _ web: any Web) async throws(Failure) {
        do throws(Failure) {
            switch order.source {
            case .web(let intake, let url):
                try await bring(try await web.fetch(url, within: settings.webRules), by: intake, order)
            case .elsewhere(let intake, let there):
                let (image, body) = try await there.open(as: intake.image, identity, web)
                var intake = intake
                intake.image = image
                try await bring(body, by: intake, order)
            case .staged(let intake, let outcome): try await spread(outcome, by: intake, order)
            case .copy(let image): try await copy(image, order)
            case .named(let intake, let location): try await note(location, by: intake, order, web)
            }
        } catch {
            try await fail(order, error)
        }
    }

    private func bring(_ body: HTTPBody, by intake: Intake, _ order: Imports.Order) async throws(Failure) {
        let (image, key, now) = (intake.image, intake.key, world.now)
        try await intake.take(
            body,
            { outcome async throws(Failure) in
                guard case .admitted = outcome.verdict else { throw outcome.refusal }
                return [intake.store.id]
                    + (try await self.copy(
                        key, outcome.digests.size, from: intake.store, to: order.stores.dropFirst(), order))
            },
            noting: { tx, outcome, stores in
                guard case .admitted(let virtualSize) = outcome.verdict else { throw outcome.refusal }
                if case .elsewhere = order.source { try tx.update(image) }
                try tx.activate(image.id, key, in: stores, outcome.digests, virtualSize, at: now)
                try tx.end(order, stores, at: now)
            })
    }

    private func spread(_ outcome: Outcome, by intake: Intake, _ order: Imports.Order) async throws(Failure) {
        let (image, key, now, size) = (intake.image, intake.key, world.now, outcome.digests.size)
        guard case .admitted(let virtualSize) = outcome.verdict else { throw outcome.refusal }
        let further = order.stores.filter { $0.id != intake.store.id }[...]
        let staysHere = further.count < order.stores.count
        let stores =
            (staysHere ? [intake.store.id] : [])
            + (try await copy(key, size, from: intake.store, to: further, order))
        guard !stores.isEmpty else { throw .unavailable("None of the stores takes the data.") }
        try await intake.note { tx in
            try tx.activate(image.id, key, in: stores, outcome.digests, virtualSize, at: now)
            try tx.end(order, stores, at: now)
        }
        if !staysHere { try await intake.store.remove(key) }
    }

    /// One store after the other, each noted when it has the data: nothing of the image is touched by that.
    private func copy(_ image: Image, _ order: Imports.Order) async throws(Failure) {
        let present = image.storeNames(store.id)
        guard let key = image.data, let size = image.size, let first = stores.first(where: { $0.id == present.first })
        else { throw .conflict("Image \(image.id) has no data to be copied.") }
        let added = try await copy(key, size, from: first, to: order.stores[...], order)
        let now = world.now
        let isGone = try await database.write { tx in
            guard let names = try tx.stores(of: image.id, with: key) else { return true }
            let all = (names.isEmpty ? present : names) + added
            try tx.run("UPDATE image SET stores = \(all.joined(separator: ",")) WHERE id = \(image.id)")
            try tx.end(order, added, at: now)
            return false
        }
        guard isGone else { return }
        for store in order.stores { try await store.remove(key) }
    }

    /// Puts data into further stores too, and says which have taken it.
    private func copy(
        _ key: StoreKey, _ size: Int, from first: any Store, to others: ArraySlice<any Store>, _ order: Imports.Order
    ) async throws(Failure) -> [String] {
        var taken: [String] = []
        for (place, other) in zip(others.indices, others) {
            do throws(Failure) {
                let reception = try await other.receive()
                do throws(Failure) {
                    _ = try await reception.take(try await first.open(key, 0..<size))
                    try await reception.keep(as: key)
                } catch {
                    await reception.discard()
                    throw error
                }
                taken.append(other.id)
            } catch {
                guard order.isAllOrNothing else { continue }
                for other in others { try await other.remove(key) }
                throw error
            }
            // That nothing is left to do is said together with what has been done.
            let rest = others[(place + 1)...].map(\.id)
            guard let image = order.task.image, !rest.isEmpty else { continue }
            try await database.write { try $0.noteImport(of: image, into: rest) }
        }
        return taken
    }

    /// Sets the image back, with the reason in its task.
    func fail(_ order: Imports.Order, _ failure: Failure) async throws(Failure) {
        let now = world.now
        try await database.write { tx in
            if let intake = order.intake {
                let isOurs: SQL = "id = \(intake.image.id) AND work = \(intake.key.text)"
                let isStillOurs = try tx.exists("SELECT 1 FROM image WHERE \(isOurs)")
                try tx.requeue(isOurs, at: now)
                // What was named is not taken away: nothing here has a say about it. It is just not the image.
                if isStillOurs, case .named(_, let location) = order.source {
                    let store = order.stores[0].id
                    try tx.run(
                        "UPDATE image SET stores = \(store), url = \(location.url) WHERE id = \(intake.image.id)")
                }
            }
            var task = order.task
            task.end(.failure, failure.message, at: now)
            try tx.update(task)
            if let image = order.task.image { try tx.noteImport(of: image, failed: order.stores.map(\.id)) }
        }
        if case .staged(let intake, _) = order.source { try await remove([intake.key]) }
    }
}

extension Transaction {
    /// The import is over, and these stores have the data.
    func end(_ order: Imports.Order, _ stores: [String], at now: Moment) throws(Failure) {
        var task = order.task
        task.end(.success, "", at: now)
        try update(task)
        guard let image = task.image else { return }
        try noteImport(of: image, failed: order.stores.map(\.id).filter { !stores.contains($0) })
    }

    /// Where an import stands. Clients that wait for one look for these properties.
    func noteImport(of image: ID<Image>, into stores: [String] = [], failed: [String] = []) throws(Failure) {
        guard try exists("SELECT 1 FROM image WHERE id = \(image)") else { return }
        for (name, names) in [(Import.progressProperty, stores), (Import.failedProperty, failed)] {
            try run(
                """
                INSERT INTO image_property (image_id, name, value)
                VALUES (\(image), \(name), \(names.joined(separator: ",")))
                \(.onConflict(["image_id", "name"], update: ["value"]))
                """)
        }
    }

    func forgetImport(of image: ID<Image>) throws(Failure) {
        try run(
            """
            DELETE FROM image_property
            WHERE image_id = \(image) AND name IN (\(Import.progressProperty), \(Import.failedProperty))
            """)
    }

    func isBeingImported(_ image: ID<Image>) throws(Failure) -> Bool {
        try exists(
            """
            SELECT 1 FROM image_property
            WHERE image_id = \(image) AND name = \(Import.progressProperty) AND value <> ''
            """)
    }

    /// The stores that have an image's data, if it still is what somebody knew; none are named where it is the first.
    func stores(of image: ID<Image>, with key: StoreKey) throws(Failure) -> [String]? {
        try row("SELECT stores FROM image WHERE id = \(image) AND (data = \(key.text) OR url = \(key.text))") { row in
            try row.optionalText("stores")?.split(separator: ",").map(String.init) ?? []
        }
    }
}

extension ImageService {
    /// An image's data, from the first store that gives it.
    func open(_ image: Image, _ key: StoreKey, _ range: Range<Int>) async throws(Failure) -> HTTPResponse.Body {
        if let copy = await openCopy(of: image.id, key, range) { return copy }
        let names = image.storeNames(store.id)
        var failure = Failure.unavailable("No store has the data of image \(image.id).")
        for store in stores where names.contains(store.id) {
            do throws(Failure) { return try await store.open(key, range) } catch { failure = error }
        }
        throw failure
    }
}
