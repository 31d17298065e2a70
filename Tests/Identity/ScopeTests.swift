import Base
import CloudTesting
import HTTP
import Testing

@testable import Identity

/// What a token is for, and what stands in it.
@Suite struct ScopeTests {
    let home: Household

    init() async throws { home = try await Household() }

    private func ask(_ query: String, _ name: String, _ scope: JSON) async -> Answer {
        await home.talk.send(
            "POST", "/identity/v3/auth/tokens\(query)",
            ["auth": ["identity": Household.password(name, "pass"), "scope": scope]])
    }

    @Test func theCatalogIsLeftOutForThoseWhoSaySo() async {
        let ann = await home.makeMember("ann")
        let scope = Household.onProject(ann.project)
        #expect(await ask("", "ann", scope)["token"]?["catalog"] != nil)
        let bare = await ask("?nocatalog", "ann", scope)
        #expect(bare.status == 201)
        #expect(bare["token"]?["catalog"] == nil)
        #expect(bare["token"]?["project"]?["id"]?.string == ann.project)
        let shown = await home.talk.send(
            "GET", "/identity/v3/auth/tokens?nocatalog", token: home.adminToken,
            headers: ["X-Subject-Token": ann.token])
        #expect(shown["token"]?["catalog"] == nil)
        #expect(await home.show(ann.token)["token"]?["catalog"] != nil)
    }

    @Test func aDefaultProjectIsTheScopeOfThoseWhoSayNone() async {
        let project = await home.makeProject("nest")
        let user = await home.makeUser(
            "ann", JSON.Object([JSON.Member(name: "default_project_id", value: .string(project))]))
        // Without a role there it is nobody's, and the login is good all the same.
        let before = await home.authenticate(Household.password("ann", "pass"))
        #expect(before.status == 201)
        #expect(before["token"]?["project"] == nil)
        await home.grant("member", to: user, on: project)
        let after = await home.authenticate(Household.password("ann", "pass"))
        #expect(after["token"]?["project"]?["id"]?.string == project)
        #expect(after["token"]?["roles"]?.array?.isEmpty == false)
        let none = await home.authenticate(Household.password("ann", "pass"), "unscoped")
        #expect(none["token"]?["project"] == nil)
        #expect(none["token"]?["roles"] == nil)
    }

    @Test func aDomainAndTheSystemAreScopesForThoseWithARoleThere() async {
        let user = await home.makeUser("ann")
        let (domain, system): (JSON, JSON) = (["domain": ["id": "default"]], ["system": ["all": true]])
        for scope in [domain, system] { #expect(await ask("", "ann", scope).status == 401) }
        let reader = await home.role("reader")
        _ = await home.send("PUT", "/domains/default/users/\(user)/roles/\(reader)")
        _ = await home.send("PUT", "/system/users/\(user)/roles/\(reader)")
        let inDomain = await ask("", "ann", domain)
        #expect(inDomain["token"]?["domain"]?["name"] == "Default")
        #expect(inDomain["token"]?["roles"]?.array?.compactMap { $0["name"]?.string } == ["reader"])
        let inSystem = await ask("", "ann", system)
        #expect(inSystem["token"]?["system"]?["all"] == true)
        #expect(inSystem["token"]?["project"] == nil)
        // A reader of the system sees what all domains have, and changes nothing.
        #expect(await home.send("GET", "/users", token: inSystem.token).status == 200)
        #expect(await home.send("POST", "/users", ["user": ["name": "x"]], token: inSystem.token).status == 403)
    }

    @Test func anAdministratorIsAManagerAMemberAndAReader() async {
        let ann = await home.makeMember("ann", "admin")
        let roles = await home.show(ann.token)["token"]?["roles"]?.array?.compactMap { $0["name"]?.string }
        #expect(Set(roles ?? []) == ["admin", "manager", "member", "reader"])
        let bob = await home.makeMember("bob", "service")
        let service = await home.show(bob.token)["token"]?["roles"]?.array?.compactMap { $0["name"]?.string }
        #expect(service == ["service"])
    }

    @Test func anExpiredTokenIsShownToServicesThatAskForIt() async {
        let (ann, service) = (await home.makeMember("ann"), await home.makeMember("nova", "service"))
        home.clock.pass(.seconds(3_700))
        let token = await home.token(of: "nova", Household.onProject(service.project))
        let show = { (query: String) in
            await home.talk.send(
                "GET", "/identity/v3/auth/tokens\(query)", token: token, headers: ["X-Subject-Token": ann.token])
        }
        #expect(await show("").status == 404)
        let shown = await show("?allow_expired=1")
        #expect(shown.status == 200)
        #expect(shown["token"]?["user"]?["name"] == "ann")
    }

    @Test func aServiceGoesOnWithATokenThatExpiredMeanwhile() async {
        let (ann, service) = (await home.makeMember("ann"), await home.makeMember("nova", "service"))
        home.clock.pass(.seconds(3_700))
        #expect(await !home.works(ann.token))
        let token = await home.token(of: "nova", Household.onProject(service.project))
        let answer = await home.talk.send(
            "GET", "/identity/v3/auth/projects", token: ann.token, headers: ["X-Service-Token": token])
        #expect(answer.status == 200)
        // Another user's token beside it is none of a service.
        _ = await home.makeUser("bob")
        let other = await home.token(of: "bob", "unscoped")
        let refused = await home.talk.send(
            "GET", "/identity/v3/auth/projects", token: ann.token, headers: ["X-Service-Token": other])
        #expect(refused.status == 401)
    }
}
