import API
import Base
import Policy
import SQL
import Workflow

/// What may be done with a volume by `POST /volumes/{id}/action`. The body's one name says what.
///
/// An action is a row of a list: its name, its rule, what it takes, and what it does.
struct VolumeAction: Sendable {
    typealias Handler = @Sendable (Call<BlockStorage>, ID<Volume>, Scope, JSON) async throws(Failure) -> Reply

    let name: String
    let rule: Rule
    let shape: Shape
    let since: Microversion?
    let handle: Handler

    init(
        _ name: String, may rule: Rule, takes shape: Shape = .nothing, since: Microversion? = nil,
        _ handle: @escaping Handler
    ) {
        self.name = name
        self.rule = rule
        self.shape = shape
        self.since = since
        self.handle = handle
    }

    static let all: [VolumeAction] = AttachActions.all + StatusActions.all + SizeActions.all + ImageActions.all

    static let endpoints: [Endpoint<BlockStorage>] = [
        Endpoint(
            "POST", "/volumes/{volume_id}/action", "Do something with a volume", access: .decided(by: all.map(\.rule)),
            body: .json(.object(Fields(all.map { .optional($0.name, $0.shape, since: $0.since) }))), act)
    ]

    private static func act(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        guard let members = call.body.object?.members, members.count == 1, let member = members.first,
            let action = all.first(where: { $0.name == member.name })
        else { throw .invalid("There is no such action: \(call.body.object?.names.joined(separator: ", ") ?? "")") }
        let scope = try call.reach(action.rule)
        return try await action.handle(call, call.id("volume_id"), scope, member.value)
    }

    /// An action that is a change of the volume and nothing else.
    static func change(
        _ name: String, may rule: Rule, takes shape: Shape = .nothing, status: Int = 202,
        _ body: @escaping @Sendable (inout Volume, JSON) throws(Failure) -> Void
    ) -> VolumeAction {
        VolumeAction(name, may: rule, takes: shape) { call, id, scope, value throws(Failure) in
            let now = call.service.world.now
            try await call.service.database.write { tx in
                try tx.change(id, in: scope, at: now) { volume throws(Failure) in try body(&volume, value) }
            }
            return Reply(status)
        }
    }

    static func object(_ fields: Field...) -> Shape { .object(Fields(fields)) }
}
