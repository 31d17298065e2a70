import Base
import SQL

/// A project that an image is shared with, and what it thinks of that.
struct Member: Record {
    let image: ID<Image>
    let project: String
    var status: Status
    let created: Moment
    var updated: Moment

    /// What is accepted stands in the project's list of images; the others it has to ask for.
    enum Status: String, SQL.Bindable {
        case pending, accepted, rejected
    }

    func write(to json: inout JSONWriter) {
        json.put("member_id", project)
        json.put("image_id", image)
        json.put("status", status.rawValue)
        json.put("created_at", created, as: .seconds)
        json.put("updated_at", updated, as: .seconds)
        json.put("schema", "/v2/schemas/member")
    }
}
