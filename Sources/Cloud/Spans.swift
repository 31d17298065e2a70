package import Base
import SQL
package import Trace
import Workflow

extension Cloud {
    /// What was done about a thing, or by a request: read from the store, also while the cloud runs.
    package static func spans(about subject: String, _ settings: CloudSettings) async throws(Failure) -> [Span] {
        let address = settings.databaseAddress
        guard !settings.isDatabaseAFile || Files.exists(address) else { throw .notFound("cloud", settings.data.path) }
        let database = try Database(Database.Location(address))
        let spans = try await database.read { try $0.spans(about: subject) }
        await database.close()
        return spans
    }
}
