import API
import Base
import Policy
import SQL
import Trace

/// What went wrong with a user's thing after the request was accepted, told to the user.
struct UserMessage: Record {
    let id: ID<UserMessage>
    let project: String
    let requestID: String
    let kind: Kind
    let resource: String
    let action: Action
    let detail: Detail
    let created: Moment
    let expires: Moment

    enum Kind: String, Sendable, SQL.Bindable {
        case volume = "VOLUME"
        case snapshot = "VOLUME_SNAPSHOT"
        case backup = "VOLUME_BACKUP"
        case image = "IMAGE"
    }

    /// What was being done, and the number of it that clients know.
    enum Action: String, Sendable, SQL.Bindable {
        case createVolume = "001"
        case attachVolume = "002"
        case uploadVolume = "003"
        case extendVolume = "007"
        case createSnapshot = "009"
        case deleteSnapshot = "010"
        case backup = "013"
        case restore = "011"
        case deleteVolume = "008"

        var words: String {
            switch self {
            case .createVolume: "schedule allocate volume"
            case .attachVolume: "attach volume"
            case .uploadVolume: "copy volume to image"
            case .extendVolume: "extend volume"
            case .createSnapshot: "create snapshot"
            case .deleteSnapshot: "delete snapshot"
            case .backup: "create backup"
            case .restore: "restore backup"
            case .deleteVolume: "delete volume"
            }
        }
    }

    enum Detail: String, Sendable, SQL.Bindable {
        case unknown = "001"
        case noBackend = "003"
        case noImageSpace = "002"

        var words: String {
            switch self {
            case .unknown: "An unknown error occurred."
            case .noBackend: "Could not find any available weighted backend."
            case .noImageSpace: "The image does not fit the volume."
            }
        }
    }

    static let created = Migration(
        "create volume message",
        """
        CREATE TABLE volume_message (
            position   \(.serial),
            id         VARCHAR(64)  NOT NULL,
            project_id VARCHAR(255) NOT NULL,
            request_id VARCHAR(64)  NOT NULL,
            kind       VARCHAR(64)  NOT NULL,
            resource   VARCHAR(64)  NOT NULL,
            action     VARCHAR(16)  NOT NULL,
            detail     VARCHAR(16)  NOT NULL,
            created_at BIGINT       NOT NULL,
            expires_at BIGINT       NOT NULL,
            UNIQUE (id)
        )
        """)

    init(_ row: borrowing Row) throws(Failure) {
        id = try row.id("id")
        project = try row.text("project_id")
        requestID = try row.text("request_id")
        kind = try row.value("kind")
        resource = try row.text("resource")
        action = try row.value("action")
        detail = try row.value("detail")
        created = try row.moment("created_at")
        expires = try row.moment("expires_at")
    }

    static let listing = Listing(
        name: "messages", noun: "Message", table: "volume_message",
        select: "SELECT volume_message.* FROM volume_message",
        sorts: [
            "id": "volume_message.id", "created_at": "volume_message.created_at",
            "event_id": "volume_message.action", "resource_type": "volume_message.kind",
            "resource_uuid": "volume_message.resource", "request_id": "volume_message.request_id",
            "guaranteed_until": "volume_message.expires_at",
        ],
        filters: [
            .text("resource_uuid", "resource"), .text("resource_type", "kind"), .text("request_id", "request_id"),
            .text("detail_id", "detail"), .text("action_id", "action"),
        ])
}

extension Transaction {
    func tell(
        _ failure: Failure, about kind: UserMessage.Kind, _ resource: String, of project: String,
        doing action: UserMessage.Action, _ world: World
    ) throws(Failure) {
        let detail: UserMessage.Detail =
            failure.message.contains("No valid backend")
            ? .noBackend
            : failure.message.contains("too small") ? .noImageSpace : .unknown
        let now = world.now
        let requestID = Tracing.current?.requestID ?? UUID(world.chance).dashed(after: "req-")
        try insert(
            into: "volume_message",
            [
                "id": UUID(world.chance).dashed, "project_id": project, "request_id": requestID, "kind": kind,
                "resource": resource, "action": action, "detail": detail, "created_at": now,
                "expires_at": now + UserMessage.lifetime,
            ])
    }

    func message(_ id: ID<UserMessage>, in scope: Scope) throws(Failure) -> UserMessage {
        let message: UserMessage? = try row(
            "SELECT * FROM volume_message WHERE id = \(id) AND \(scope.within(project: "project_id"))")
        guard let message else { throw .noSuch("Message", id.text) }
        return message
    }
}

extension UserMessage {
    /// A month, as users are told.
    static let lifetime: Duration = .seconds(30 * 86_400)

    static let endpoints: [Endpoint<BlockStorage>] = [
        .get("/messages", "List messages", may: .listMessages, query: listing.parameters, since: "3.3", list),
        .get("/messages/{message_id}", "Show a message", may: .showMessage, since: "3.3", show),
        .delete("/messages/{message_id}", "Delete a message", may: .deleteMessage, since: "3.3", delete),
    ]

    private static func list(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let query = try ListQuery(listing, call)
        let page: Page<UserMessage> = try await call.service.database.read { try $0.page(query) }
        return .json { json in
            json.array("messages", of: page.things) { message, json in json.object { message.write(to: &$0, call) } }
            call.writeEnd(of: page, listing, at: "/messages", last: page.things.last?.id.text, to: &json)
        }
    }

    private static func show(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let message = try await call.service.database.read { try $0.message(call.id("message_id"), in: call.scope) }
        return .json { $0.object("message") { message.write(to: &$0, call) } }
    }

    private static func delete(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        try await call.service.database.write { tx in
            let message = try tx.message(call.id("message_id"), in: call.scope)
            try tx.run("DELETE FROM volume_message WHERE id = \(message.id)")
        }
        return .noContent
    }

    private func write(to json: inout JSONWriter, _ call: Call<BlockStorage>) {
        json.put("id", id)
        json.put("event_id", "\(kind.rawValue)_\(kind.rawValue)_\(action.rawValue)_\(detail.rawValue)")
        json.put("user_message", "\(action.words):\(detail.words)")
        json.put("message_level", "ERROR")
        json.put("created_at", created, as: .bare)
        json.put("guaranteed_until", expires, as: .bare)
        json.put("request_id", requestID)
        json.put("resource_type", kind.rawValue)
        json.put("resource_uuid", resource)
        call.writeLinks("messages", id.text, to: &json)
    }
}

extension Rule {
    static let listMessages = Rule("message:get_all", "List messages", May.reader)
    static let showMessage = Rule("message:get", "Show a message", May.reader)
    static let deleteMessage = Rule("message:delete", "Delete a message", May.member)
}
