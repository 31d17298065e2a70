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
            try tx.requeue("status IN ('saving', 'importing') OR (status = 'uploading' AND data IS NULL)", at: now)
        }
        let known = try await database.read { tx in
            try tx.rows("SELECT data FROM image WHERE data IS NOT NULL", { StoreKey(try $0.text("data")) })
        }
        let referred = Set(known)
        for key in try await store.keys() where !referred.contains(key) { try await store.remove(key) }
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
        for key in keys { try await store.remove(key) }
    }
}
