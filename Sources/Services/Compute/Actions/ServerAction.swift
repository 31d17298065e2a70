import API
import Base
import Contracts
import Policy
import SQL
import Workflow

/// What may be done with a server by `POST /servers/{id}/action`. The body's first name says what.
///
/// An action is a row of a list: its name, its rule, the states it starts from, and what it does.
struct ServerAction: Sendable {
    let name: String
    let rule: Rule
    let shape: Shape
    let states: [ServerState]
    var since: Microversion?
    var until: Microversion?
    let handle: @Sendable (Call<Compute>, ID<Server>, JSON) async throws(Failure) -> Reply

    static let endpoints: [Endpoint<Compute>] = [
        Endpoint(
            "POST", "/servers/{server_id}/action", "Do something with a server", access: .decided(by: all.map(\.rule)),
            body: .json(.object(Fields(all.map { .optional($0.name, $0.shape, since: $0.since, until: $0.until) }))),
            act)
    ]

    static let all: [ServerAction] = [
        PowerServer.actions, ServerConsole.actions, LockServer.actions, AdministerServer.actions,
        ServerSecurityGroups.actions, RebuildServer.actions, RescueServer.actions, ServerImages.actions,
        ResizeServer.actions, MigrateServer.actions, ShelveServer.actions, RemoteConsole.actions,
        FixedAddresses.actions, ServerFloatingIPs.actions,
    ].flatMap { $0 }

    private static func act(_ call: Call<Compute>) async throws(Failure) -> Reply {
        guard let members = call.body.object?.members, members.count == 1, let member = members.first,
            let action = all.first(where: { $0.name == member.name })
        else { throw .invalid("The body must name one action.") }
        let scope = call.scope(under: action.rule)
        guard scope != .nowhere else { throw .forbidden("Policy doesn't allow \(action.rule.name) to be performed.") }
        let id: ID<Server> = call.id("server_id")
        let server = try await call.service.database.read { try $0.server(id, in: scope) }
        if action.name != "unlock" { try server.allowWhenLocked(call) }
        guard action.states.isEmpty || action.states.contains(server.state) else {
            throw .conflict("Cannot '\(action.name)' instance \(id) while it is in vm_state \(server.state.rawValue)")
        }
        let started = call.service.world.now
        let reply = try await action.handle(call, id, member.value)
        if let word = ServerEvent.words[action.name] {
            try await call.service.database.write { try $0.note(word, on: id, call, at: started) }
        }
        return reply
    }
}
