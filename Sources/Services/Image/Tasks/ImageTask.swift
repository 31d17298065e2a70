import Base
import SQL

/// Work on an image that outlives the request that asked for it, or could.
struct ImageTask: Record {
    let id: ID<ImageTask>
    let kind: Kind
    var status: Status
    let owner: String?
    let image: ID<Image>?
    let user: String?
    let request: String?
    /// What was asked for.
    let input: JSON
    var result: JSON = .null
    var message = ""
    /// When it may be forgotten: some time after it has ended.
    var expires: Moment?
    let created: Moment
    var updated: Moment

    enum Kind: String, SQL.Bindable {
        case imageImport = "api_image_import"
        case location = "location_import"
    }

    enum Status: String, SQL.Bindable {
        case pending, processing, success, failure
    }

    static let lifetime: Duration = .seconds(48 * 3_600)

    mutating func end(_ status: Status, _ message: String, at now: Moment) {
        self.status = status
        self.message = message
        if let image { result = ["image_id": .string(image.text)] }
        expires = now + ImageTask.lifetime
        updated = now
    }

    func write(to json: inout JSONWriter, whole: Bool) {
        json.put("id", id)
        json.put("type", kind.rawValue)
        json.put("status", status.rawValue)
        json.put("owner", owner)
        if whole {
            json.put("input", input)
            json.put("result", result)
            json.put("message", message)
        }
        json.put("image_id", image)
        json.put("request_id", request)
        json.put("user_id", user)
        if let expires { json.put("expires_at", expires, as: .seconds) }
        json.put("created_at", created, as: .seconds)
        json.put("updated_at", updated, as: .seconds)
        json.put("self", "/v2/tasks/\(id)")
        json.put("schema", "/v2/schemas/task")
    }
}
