package import Base
import HTTP
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
        let intake: Intake
        let task: ImageTask
        let url: String
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
                await imports.run { order in
                    do throws(Failure) { try await carryOut(order, web) } catch { complain(error) }
                }
            }
            group.addTask {
                while (try? await world.clock.sleep(for: .seconds(60))) != nil {
                    do throws(Failure) { try await settleOverdue() } catch { complain(error) }
                }
            }
        }
    }

    private func carryOut(_ order: Imports.Order, _ web: any Web) async throws(Failure) {
        let (image, key) = (order.intake.image, order.intake.key)
        let now = world.now
        do throws(Failure) {
            let body = try await web.fetch(order.url, within: settings.webRules)
            try await order.intake.take(body) { tx, outcome in
                guard case .admitted(let virtualSize) = outcome.verdict else { throw outcome.refusal }
                try tx.activate(image.id, key, outcome.digests, virtualSize, at: now)
                try tx.end(order.task, .success, "", at: now)
            }
        } catch {
            try await fail(order, error)
        }
    }

    /// Sets the image back, with the reason in its task.
    func fail(_ order: Imports.Order, _ failure: Failure) async throws(Failure) {
        let (image, key, store) = (order.intake.image, order.intake.key, store.id)
        let now = world.now
        try await database.write { tx in
            try tx.requeue("id = \(image.id) AND work = \(key.text)", at: now)
            try tx.end(order.task, .failure, failure.message, at: now)
            try tx.noteFailedImport(of: image.id, into: store)
        }
    }
}

extension Transaction {
    func end(_ task: ImageTask, _ status: ImageTask.Status, _ message: String, at now: Moment) throws(Failure) {
        var task = task
        task.end(status, message, at: now)
        try update(task)
    }

    /// Clients that wait for an import look for this property.
    func noteFailedImport(of image: ID<Image>, into store: String) throws(Failure) {
        guard try exists("SELECT 1 FROM image WHERE id = \(image)") else { return }
        try run(
            """
            INSERT INTO image_property (image_id, name, value) VALUES (\(image), \(Import.failedProperty), \(store))
            \(.onConflict(["image_id", "name"], update: ["value"]))
            """)
    }

    func forgetFailedImport(of image: ID<Image>) throws(Failure) {
        try run("DELETE FROM image_property WHERE image_id = \(image) AND name = \(Import.failedProperty)")
    }
}
