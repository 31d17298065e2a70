package import Base

extension Database {
    /// Writes a copy of a SQLite file as it is at one moment, whoever writes to it meanwhile.
    package static func keep(_ path: String, as copy: String) async throws(Failure) {
        try await withUnsafeContinuation { (caller: UnsafeContinuation<Result<Void, Failure>, Never>) in
            Thread.start {
                do throws(Failure) {
                    let connection = try SQLiteConnection(path: path, role: .writer)
                    defer { connection.close() }
                    try connection.run("VACUUM INTO ?", [.text(copy)])
                    caller.resume(returning: .success(()))
                } catch { caller.resume(returning: .failure(error)) }
            }
        }.get()
    }
}
