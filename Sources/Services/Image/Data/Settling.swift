package import Base
import SQL

extension ImageService {
    /// Brings everything to rest that an earlier process left half done: images whose data was on its way can be sent
    /// data again, imports have failed, and data that no image refers to is removed.
    ///
    /// To be called before the first request.
    package func start() async throws(Failure) {
        let now = world.now
        try await database.write { tx in
            try ResourceType.ensureUsual(tx, at: now)
            try tx.failUnfinishedTasks("1 = 1", at: now)
            // Copies that were under way are not any more; what they had got done stands in their images' stores.
            try tx.run("UPDATE image_property SET value = '' WHERE name = \(Import.progressProperty)")
            try tx.requeue("status IN ('saving', 'importing') OR (status = 'uploading' AND data IS NULL)", at: now)
        }
        let first = store.id
        let known = try await database.read { tx in
            try tx.rows("SELECT data, stores FROM image WHERE data IS NOT NULL") { row in
                let stores = try row.optionalText("stores")?.split(separator: ",").map(String.init) ?? [first]
                return (key: StoreKey(try row.text("data")), stores: stores)
            }
        }
        for store in stores {
            let referred = Set(known.filter { $0.stores.contains(store.id) }.map(\.key))
            for key in try await store.keys() where !referred.contains(key) { try await store.remove(key) }
        }
        try await startCache()
    }

    /// Wherever something may lie under them.
    func remove(_ keys: [StoreKey]) async throws(Failure) {
        for store in stores { for key in keys { try await store.remove(key) } }
    }

    /// Gives up what has been silent beyond its deadline: whoever was at work on it is gone.
    func settleOverdue() async throws(Failure) {
        let now = world.now
        let keys = try await database.write { tx in
            let keys = try tx.rows(
                "SELECT work FROM image WHERE deadline < \(now)", { try $0.optionalText("work").map { StoreKey($0) } })
            try tx.failUnfinishedTasks("image_id IN (SELECT id FROM image WHERE deadline < \(now))", at: now)
            try tx.requeue("deadline < \(now)", at: now)
            return keys.compactMap { $0 }
        }
        try await remove(keys)
    }
}
