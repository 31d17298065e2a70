import API
import Base
import Policy
import SQL

/// A locked server is changed by nobody but administrators.
enum LockServer {
    static let actions: [ServerAction] = [
        ServerAction(
            name: "lock", rule: .lockServer,
            shape: .nullable(.object(Fields([.optional("locked_reason", .text(1...255), since: "2.73")]))), states: [],
            handle: { call, id, body throws(Failure) in try await set(true, body["locked_reason"]?.string, call, id) }),
        ServerAction(
            name: "unlock", rule: .unlockServer, shape: .nullable(.any), states: [],
            handle: { call, id, _ throws(Failure) in try await set(false, nil, call, id) }),
    ]

    private static func set(
        _ isLocked: Bool, _ reason: String?, _ call: Call<Compute>, _ id: ID<Server>
    ) async throws(Failure) -> Reply {
        let now = call.service.world.now
        try await call.service.database.write { tx in
            try tx.change(id, at: now) { server in
                server.isLocked = isLocked
                server.lockedReason = reason
            }
            return
        }
        return Reply(202)
    }
}

extension Rule {
    static let lockServer = Rule("os_compute_api:os-lock-server:lock", "Lock a server", May.member)
    static let unlockServer = Rule("os_compute_api:os-lock-server:unlock", "Unlock a server", May.member)
}
