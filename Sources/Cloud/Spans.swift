package import Base
import SQL
package import Trace
import Workflow

extension Cloud {
    /// What was done about a thing, or by a request: read from the store, also while the cloud runs.
    package static func spans(about subject: String, in data: DataDirectory) async throws(Failure) -> [Span] {
        guard Files.exists(data.database) else { throw .notFound("cloud", data.path) }
        let database = try Database(.file(data.database))
        let spans = try await database.read { try $0.spans(about: subject) }
        await database.close()
        return spans
    }
}
