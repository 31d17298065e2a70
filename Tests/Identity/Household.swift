import API
import Base
import CloudTesting
import HTTP
import SQL
import Synchronization

@testable import Identity

/// A clock that goes when it is told to.
final class HandClock: Clock {
    private let moment: Mutex<Moment>

    init(_ moment: Moment = Moment(seconds: 1_800_000_000)) { self.moment = Mutex(moment) }

    var now: Moment { moment.withLock { $0 } }

    func pass(_ duration: Duration) { moment.withLock { $0 = $0 + duration } }

    func sleep(for duration: Duration) async throws(CancellationError) { pass(duration) }
}

/// A cloud's people with tokens of their own, where the personas of other tests have none.
struct Household: Sendable {
    let clock = HandClock()
    let identity: Identity
    let talk: Conversation
    let adminToken: String
    let project: String

    init(
        _ location: Database.Location = .memory, _ change: (inout IdentitySettings) -> Void = { _ in }
    ) async throws {
        identity = try await Identity.fixture(location, clock: clock, change)
        talk = try Conversation(
            [identity.api], authenticator: identity, world: identity.world)
        let answer = await talk.send(
            "POST", "/identity/v3/auth/tokens",
            [
                "auth": [
                    "identity": Household.password("admin", "secret"),
                    "scope": ["project": ["name": "admin", "domain": ["id": "default"]]],
                ]
            ])
        adminToken = answer.headers["x-subject-token"] ?? ""
        project = answer["token"]?["project"]?["id"]?.string ?? ""
    }

    var admin: String { get async { await show(adminToken)["token"]?["user"]?["id"]?.string ?? "" } }

    static func password(_ name: String, _ password: String) -> JSON {
        [
            "methods": ["password"],
            "password": [
                "user": ["name": .string(name), "domain": ["id": "default"], "password": .string(password)]
            ],
        ]
    }

    static func onProject(_ id: String) -> JSON { ["project": ["id": .string(id)]] }

    static func byTrust(_ id: String) -> JSON { ["OS-TRUST:trust": ["id": .string(id)]] }

    func send(_ method: String, _ path: String, _ body: JSON? = nil, token: String? = nil) async -> Answer {
        await talk.send(method, "/identity/v3" + path, body, token: token ?? adminToken)
    }

    func authenticate(_ identity: JSON, _ scope: JSON? = nil, receipt: String? = nil) async -> Answer {
        var auth = JSON.Object([JSON.Member(name: "identity", value: identity)])
        auth["scope"] = scope
        var headers = HTTPHeaders()
        if let receipt { headers.append("Openstack-Auth-Receipt", receipt) }
        return await talk.send("POST", "/identity/v3/auth/tokens", ["auth": .object(auth)], headers: headers)
    }

    func token(of name: String, _ scope: JSON? = nil) async -> String {
        await authenticate(Household.password(name, "pass"), scope).token
    }

    func show(_ subject: String) async -> Answer {
        await talk.send(
            "GET", "/identity/v3/auth/tokens", token: adminToken, headers: ["X-Subject-Token": subject])
    }

    /// Whether a token is good for anything.
    func works(_ token: String) async -> Bool { await send("GET", "/auth/projects", token: token).status == 200 }

    // MARK: Making

    func makeUser(_ name: String, _ more: JSON.Object = JSON.Object()) async -> String {
        var user = JSON.Object([
            JSON.Member(name: "name", value: .string(name)), JSON.Member(name: "password", value: "pass"),
        ])
        for member in more.members { user[member.name] = member.value }
        return await send("POST", "/users", ["user": .object(user)])["user"]?["id"]?.string ?? ""
    }

    func makeProject(_ name: String) async -> String {
        await send("POST", "/projects", ["project": ["name": .string(name)]])["project"]?["id"]?.string ?? ""
    }

    func role(_ name: String) async -> String {
        await send("GET", "/roles?name=\(name)")["roles"]?.array?.first?["id"]?.string ?? ""
    }

    func grant(_ role: String, to user: String, on project: String) async {
        _ = await send("PUT", "/projects/\(project)/users/\(user)/roles/\(await self.role(role))")
    }

    func revoke(_ role: String, from user: String, on project: String) async {
        _ = await send("DELETE", "/projects/\(project)/users/\(user)/roles/\(await self.role(role))")
    }

    /// A user with a role on a new project, and a token for it.
    func makeMember(_ name: String, _ role: String = "member") async -> (user: String, project: String, token: String) {
        let (user, project) = (await makeUser(name), await makeProject("\(name)-project"))
        await grant(role, to: user, on: project)
        return (user, project, await token(of: name, Household.onProject(project)))
    }
}

extension Answer {
    /// The token that it brought.
    var token: String { headers["x-subject-token"] ?? "" }
}
