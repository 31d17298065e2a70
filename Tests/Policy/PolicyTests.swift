import Base
import Policy
import SQL
import Testing

@Suite struct PolicyTests {
    let own = Rule("list", "List", "role:admin or (role:reader and project_id:%(project_id)s)")
    let reader = PolicyTests.caller(roles: ["reader"], project: "p1")
    let admin = PolicyTests.caller(roles: ["Admin"], project: "p1")

    static func caller(roles: [String], project: String) -> Caller {
        Caller(
            user: .init(id: "u1", name: "alice", domainID: "default", domainName: "Default"),
            reach: .project(.init(id: project, name: "demo", domainID: "default", domainName: "Default")), roles: roles,
            expires: Moment(seconds: 0))
    }

    @Test func anAdministratorSeesEverything() throws {
        #expect(try Policy([own]).scope(own, for: admin) == .everywhere)
    }

    @Test func aReaderSeesTheirProjectOnly() throws {
        let scope = try Policy([own]).scope(own, for: reader)
        #expect(scope == .when("project_id", "p1"))
        #expect(scope.covers(["project_id": "p1"]))
        #expect(!scope.covers(["project_id": "p2"]))
        #expect(!scope.covers([:]))
    }

    @Test func aStrangerSeesNothing() throws {
        let stranger = PolicyTests.caller(roles: [], project: "p1")
        #expect(try Policy([own]).scope(own, for: stranger) == .nowhere)
    }

    @Test func anAttributeWithoutAColumnNeverWidensAQuery() throws {
        let scope = try Policy([own]).scope(own, for: reader)
        #expect(scope.within(project: "project_id").text == "project_id = ?")
        #expect(scope.within(user: "user_id").text == "1 = 0")
    }

    @Test(arguments: [
        ("", true), ("@", true), ("!", false), ("not role:x", true), ("role:reader and not role:x", true),
        ("role:x or role:reader", true), ("(role:x or role:reader) and user_id:u1", true), ("user_id:u2", false),
        ("'a':a", true), ("is_admin:True", false), ("system_scope:all", false), ("rule:base", true),
    ])
    func theRuleLanguageIsRead(text: String, allowed: Bool) throws {
        let rule = Rule("tried", "Tried", text)
        let policy = try Policy([rule], definitions: [(name: "base", check: "role:reader")])
        #expect(policy.scope(rule, for: reader) == (allowed ? .everywhere : .nowhere))
    }

    @Test func aFieldOfTheTargetIsAskedFor() throws {
        let shared = Rule("shared", "Shared", "field:networks:router:external=True")
        #expect(try Policy([shared]).scope(shared, for: reader) == .when("router:external", "True"))
        let started = Rule("started", "Started", "not field:port:device_owner=~^network:")
        let scope = try Policy([started]).scope(started, for: reader)
        #expect(scope.covers { $0 == "device_owner=~^network:" ? "False" : nil })
        #expect(!scope.covers { $0 == "device_owner=~^network:" ? "True" : nil })
    }

    @Test func aServicesOwnRoleCountsOnlyWhereItIsAskedFor() throws {
        let rule = Rule("tried", "Tried", "service_roles:service")
        #expect(try Policy([rule]).scope(rule, for: reader) == .nowhere)
        let service = Caller(user: reader.user, reach: .none, roles: ["service"], expires: reader.expires)
        #expect(try Policy([rule]).scope(rule, for: reader.vouched(by: service)) == .everywhere)
    }

    @Test(arguments: ["role:a or", "(role:a", "role:a)", "admin", "and", "rule:missing", "rule:tried"])
    func whatIsNoRuleIsRefusedAtStart(text: String) {
        #expect(throws: Failure.self) { try Policy([Rule("tried", "Tried", text)]) }
    }

    @Test func anOperatorsFileGoesBeforeTheDefault() throws {
        let policy = try Policy([own], overrides: ["list": "user_id:%(user_id)s"])
        #expect(policy.scope(own, for: admin) == .when("user_id", "u1"))
    }
}
