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
            try tx.failUnfinishedTasks(at: now)
            try tx.requeue("status IN ('saving', 'importing') OR (status = 'uploading' AND data IS NULL)", at: now)
        }
        let known = try await database.read { tx in
            try tx.rows("SELECT data FROM image WHERE data IS NOT NULL", { StoreKey(try $0.text("data")) })
        }
        let referred = Set(known)
        for key in try await store.keys() where !referred.contains(key) { try await store.remove(key) }
    }
}
