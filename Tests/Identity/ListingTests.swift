import Base
import CloudTesting
import SQL
import Testing

@testable import Identity

/// Lists are narrowed, read in pages and cut off as the API reference says.
@Suite struct ListingTests {
    let home: Household

    init() async throws { home = try await Household() }

    private func names(_ path: String, _ many: String) async -> [String] {
        let found = await home.send("GET", path)[many]?.array ?? []
        return found.compactMap { $0["name"]?.string }.sorted()
    }

    // MARK: Filters

    @Test(arguments: ["users", "groups", "projects", "domains", "roles"])
    func namesAreFoundByTheirParts(many: String) async {
        let one = String(many.dropLast())
        for name in ["Willow", "pillow", "billow_1"] {
            let made = await home.send("POST", "/\(many)", [one: ["name": .string(name)]])
            #expect(made.status == 201)
        }
        #expect(await names("/\(many)?name=Willow", many) == ["Willow"])
        #expect(await names("/\(many)?name__contains=illow", many) == ["Willow", "billow_1", "pillow"])
        #expect(await names("/\(many)?name__contains=pil", many) == ["pillow"])
        #expect(await names("/\(many)?name__startswith=W", many) == ["Willow"])
        #expect(await names("/\(many)?name__endswith=_1", many) == ["billow_1"])
        #expect(await names("/\(many)?name__icontains=WILL", many) == ["Willow"])
        #expect(await names("/\(many)?name__istartswith=w", many) == ["Willow"])
        #expect(await names("/\(many)?name__iendswith=OW", many) == ["Willow", "pillow"])
        // The signs that SQL would read as any letters are letters here.
        #expect(await names("/\(many)?name__contains=l%25w", many).isEmpty)
        #expect(await names("/\(many)?name__endswith=w__", many).isEmpty)
    }

    @Test func usersAreFoundByWhetherTheyMayComeIn() async {
        _ = await home.makeUser("awake")
        _ = await home.makeUser("asleep", JSON.Object([JSON.Member(name: "enabled", value: false)]))
        #expect(await names("/users?enabled=false", "users") == ["asleep"])
        #expect(await !names("/users?enabled=true", "users").contains("asleep"))
        #expect(await names("/users?enabled=true&name__startswith=a&name__contains=wak", "users") == ["awake"])
    }

    @Test func projectsAreFoundByAllAnyOrNoneOfSomeTags() async {
        for (name, tags) in [("both", ["green", "round"]), ("one", ["green"]), ("none", [])] {
            let project: JSON = ["name": .string(name), "tags": .array(tags.map { .string($0) })]
            #expect(await home.send("POST", "/projects", ["project": project]).status == 201)
        }
        let mine = { (query: String) in
            await names("/projects?\(query)", "projects").filter { $0.contains("n") || $0 == "both" }
        }
        #expect(await mine("tags=green,round") == ["both"])
        #expect(await mine("tags-any=green,round") == ["both", "one"])
        #expect(await mine("not-tags=green,round").contains("one"))
        #expect(await mine("not-tags=green,round").contains("none"))
        #expect(await !mine("not-tags=green,round").contains("both"))
        #expect(await !mine("not-tags-any=round").contains("both"))
        #expect(await mine("not-tags-any=round").contains("one"))
        #expect(await mine("tags=green&not-tags=round") == ["one"])
    }

    // MARK: Pages

    @Test(arguments: ["users", "projects"]) func pagesFollowOneAnother(many: String) async {
        let one = String(many.dropLast())
        for number in 1...5 {
            _ = await home.send("POST", "/\(many)", [one: ["name": .string("of-\(number)")]])
        }
        let all = await home.send("GET", "/\(many)?name__startswith=of-")[many]?.array ?? []
        #expect(all.count == 5)

        var (next, read, pages): (String?, [JSON], Int) = ("/\(many)?name__startswith=of-&limit=2", [], 0)
        while let path = next, pages < 9 {
            let page = await home.send("GET", path)
            read += page[many]?.array ?? []
            pages += 1
            let link = page["links"]?["next"]?.string
            #expect(link?.hasPrefix("http://cloud.test/identity/v3/\(many)?") ?? true)
            next = link.map { String($0.dropFirst("http://cloud.test/identity/v3".count)) }
        }
        #expect(pages == 3)
        #expect(read == all)
    }

    @Test func aLongListIsCutOffAndSaysSo() async throws {
        let short = try await Household(.memory) { $0.listLimit = 2 }
        let first = await short.send("GET", "/roles")
        #expect(first["roles"]?.array?.count == 2)
        #expect(first["truncated"] == true)
        let next = first["links"]?["next"]?.string ?? ""
        #expect(next.hasPrefix("http://cloud.test/identity/v3/roles?limit=2&marker="))
        // Who asks for more gets it, and a list that is whole doesn't say that it isn't.
        let all = await short.send("GET", "/roles?limit=100")
        #expect(all["roles"]?.array?.count == 5)
        #expect(all["truncated"] == nil)
        #expect(all["links"]?["next"] == JSON.null)
    }

    // MARK: Names

    @Test(arguments: ["users", "groups", "projects"]) func aNameIsTakenOncePerDomain(many: String) async {
        let one = String(many.dropLast())
        let domain = await home.send("POST", "/domains", ["domain": ["name": "elsewhere"]])["domain"]?["id"] ?? .null
        #expect(await home.send("POST", "/\(many)", [one: ["name": "only"]]).status == 201)
        let again = await home.send("POST", "/\(many)", [one: ["name": "only"]])
        #expect(again.status == 409)
        #expect(again["error"]?["title"] == "Conflict")
        let other = await home.send("POST", "/\(many)", [one: ["name": "only", "domain_id": domain]])
        #expect(other.status == 201)
        // Nor is it come by by renaming.
        let second = await home.send("POST", "/\(many)", [one: ["name": "second"]])[one]?["id"]?.string ?? ""
        #expect(await home.send("PATCH", "/\(many)/\(second)", [one: ["name": "only"]]).status == 409)
    }

    @Test func domainsAndRolesHaveNamesOfTheirOwn() async {
        for (many, one) in [("domains", "domain"), ("roles", "role")] {
            #expect(await home.send("POST", "/\(many)", [one: ["name": "only"]]).status == 201)
            #expect(await home.send("POST", "/\(many)", [one: ["name": "only"]]).status == 409)
            let second = await home.send("POST", "/\(many)", [one: ["name": "second"]])[one]?["id"]?.string ?? ""
            #expect(await home.send("PATCH", "/\(many)/\(second)", [one: ["name": "only"]]).status == 409)
        }
        // A role of a domain is another than the one that is everybody's.
        let domain = await home.send("GET", "/domains?name=only")["domains"]?.array?.first?["id"] ?? .null
        let mine = await home.send("POST", "/roles", ["role": ["name": "only", "domain_id": domain]])
        #expect(mine.status == 201)
        #expect(await home.send("POST", "/roles", ["role": ["name": "only", "domain_id": domain]]).status == 409)
    }

    @Test func idsAreWhatClientsKnowAsIDs() async {
        for (many, one) in [("users", "user"), ("groups", "group"), ("projects", "project"), ("domains", "domain")] {
            let id = await home.send("POST", "/\(many)", [one: ["name": "x"]])[one]?["id"]?.string ?? ""
            #expect(id.count == 32 && id.allSatisfy { $0.isHexDigit && !$0.isUppercase })
        }
    }
}
