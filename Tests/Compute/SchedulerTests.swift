import API
import Base
import CloudTesting
import Contracts
import HTTP
import SQL
import Synchronization
import Testing
import Trace

@testable import Compute

@Suite struct SchedulerTests {
    /// A scheduler over hosts that placement offers all of, and that grants every claim.
    struct Yard {
        let talk: ComputeTalk
        let scheduler: Scheduler
        let asked: Asked

        final class Asked: Sendable {
            let queries = Mutex<[String]>([])
        }

        init(_ hosts: [String], _ change: (inout ComputeSettings) -> Void = { _ in }) async throws {
            var settings = ComputeSettings()
            change(&settings)
            let asked = Asked()
            talk = try await ComputeTalk(settings: settings)
            for host in hosts { try await talk.host(host) }
            let there = try await talk.database.read { try $0.computeHosts() }
            let offers = JSON.array(
                there.map { host in
                    let held: JSON = ["resources": ["VCPU": 1]]
                    return ["allocations": .object(JSON.Object([.init(name: host.provider, value: held)]))]
                })
            let placement = Neighbour("placement", asker: "scheduler") { request throws(Failure) in
                asked.queries.withLock { $0.append(request.query ?? "") }
                let answer: JSON = request.method == "GET" ? ["allocation_requests": offers] : [:]
                return HTTPResponse(200, body: .bytes(Array(answer.text.utf8)))
            }
            scheduler = Scheduler(
                database: talk.database, world: talk.world, placement: placement, tokens: Tokens(),
                settings: talk.service.settings, log: .silent)
            self.asked = asked
        }

        private struct Tokens: TokenIssuer {
            func token(user: String, project: String) async throws(Failure) -> String { "token" }
            func serviceToken() async throws(Failure) -> String { "token" }
        }

        func change(_ host: String, _ change: @escaping @Sendable (inout ComputeHost) -> Void) async throws {
            try await talk.database.write { tx in
                var known = try tx.computeHost(named: host)
                change(&known)
                try tx.update(known)
            }
        }

        func aggregate(_ name: String, _ metadata: JSON.Object, hosts: [String]) async throws {
            let now = talk.world.now
            try await talk.database.write { tx in
                let aggregate = try tx.insert(name: name, id: ID(name), metadata: metadata, at: now)
                for host in hosts { try tx.add(host, to: aggregate) }
            }
        }

        func choose(
            _ server: String = "s", project: String = "project-1", zone: String? = nil, specs: JSON = [:],
            image: JSON = [:], hints: JSON = [:], group: String? = nil
        ) async throws -> String {
            let none = JSON.Object()
            return try await scheduler.choose(
                HostRequest(
                    server: server, user: "u", project: project, vcpus: 1, memory: 512, disk: 1, zone: zone, host: nil,
                    avoid: [], extraSpecs: specs.object ?? none, image: image.object ?? none,
                    hints: hints.object ?? none, group: group)
            ).host
        }

        func group(_ policy: String, rules: JSON = [:]) async -> String {
            let wish: JSON = ["server_group": ["name": "g", "policy": .string(policy), "rules": rules]]
            let made = await talk.send("POST", "/os-server-groups", wish, as: .member)
            return made["server_group"]?["id"]?.string ?? ""
        }
    }

    @Test func aHostThatIsDisabledOrDownGetsNothingAndTheFaultSaysWhy() async throws {
        let yard = try await Yard(["a", "b", "c"])
        try await yard.change("a") {
            $0.isDisabled = true
            $0.disabledReason = "repairs"
        }
        try await yard.change("b") { $0.isForcedDown = true }
        #expect(try await yard.choose() == "c")
        try await yard.change("c") { $0.isDisabled = true }
        do {
            _ = try await yard.choose()
            Issue.record("A host was chosen, though none will do")
        } catch {
            let message = Failure(error).message
            #expect(message.contains("No valid host was found"))
            #expect(message.contains("a is disabled (repairs)"))
            #expect(message.contains("b has not been heard of lately"))
        }
    }

    @Test func aZoneIsKept() async throws {
        let yard = try await Yard(["a", "b"])
        try await yard.aggregate("north", JSON.Object([.init(name: "availability_zone", value: "north")]), hosts: ["b"])
        #expect(try await yard.choose(zone: "north") == "b")
        #expect(try await yard.choose(zone: "nova") == "a")
        await #expect(throws: Failure.self) { _ = try await yard.choose(zone: "south") }
    }

    @Test func serversOfAGroupStandTogetherOrApart() async throws {
        let yard = try await Yard(["a", "b", "c"])
        let (together, apart) = (await yard.group("affinity"), await yard.group("anti-affinity"))
        try await yard.talk.server(on: "b", group: together)
        try await yard.talk.server(on: "b", group: apart)
        for _ in 1...5 {
            #expect(try await yard.choose(group: together) == "b")
            #expect(try await yard.choose(group: apart) != "b")
        }
    }

    @Test func serversOfAGroupThatArePlacedAtOnceKnowOfEachOther() async throws {
        let yard = try await Yard(["a", "b", "c"])
        let apart = await yard.group("anti-affinity")
        let chosen = try await withThrowingTaskGroup(of: String.self) { tasks in
            for number in 1...3 { tasks.addTask { try await yard.choose("s\(number)", group: apart) } }
            return try await tasks.reduce(into: Set<String>()) { $0.insert($1) }
        }
        #expect(chosen == ["a", "b", "c"])
        await #expect(throws: Failure.self) { _ = try await yard.choose("s4", group: apart) }
    }

    @Test func aHostMayHaveSeveralOfAGroupThatStandsApartWhenItsRuleSaysSo() async throws {
        let yard = try await Yard(["a"])
        let apart = await yard.group("anti-affinity", rules: ["max_server_per_host": 2])
        #expect(try await yard.choose("s1", group: apart) == "a")
        #expect(try await yard.choose("s2", group: apart) == "a")
        await #expect(throws: Failure.self) { _ = try await yard.choose("s3", group: apart) }
    }

    @Test func softPoliciesAreWishes() async throws {
        let yard = try await Yard(["a", "b"])
        let (together, apart) = (await yard.group("soft-affinity"), await yard.group("soft-anti-affinity"))
        try await yard.talk.server(on: "a", group: apart)
        #expect(try await yard.choose(group: apart) == "b")
        try await yard.change("b") { $0.isDisabled = true }
        #expect(try await yard.choose(group: apart) == "a")
        #expect(try await yard.choose(group: together) == "a")
    }

    @Test func hintsNameHostsByTheirServers() async throws {
        let yard = try await Yard(["a", "b"])
        let server = try await yard.talk.server(on: "b")
        #expect(try await yard.choose(hints: ["same_host": [.string(server)]]) == "b")
        #expect(try await yard.choose(hints: ["different_host": .string(server)]) == "a")
        #expect(try await yard.choose(hints: ["query": "[\"=\", \"$host\", \"b\"]"]) == "b")
        #expect(
            try await yard.choose(hints: ["query": ["and", [">=", "$free_ram_mb", 100], ["=", "$host", "a"]]]) == "a")
        await #expect(throws: Failure.self) { _ = try await yard.choose(hints: ["query": "nonsense"]) }
        await #expect(throws: Failure.self) { _ = try await yard.choose(hints: ["build_near_host_ip": "192.0.2.1"]) }
    }

    @Test func flavorsAskForWhatAggregatesOrHostsHave() async throws {
        let yard = try await Yard(["a", "b"])
        try await yard.aggregate("fast", JSON.Object([.init(name: "ssd", value: "true,yes")]), hosts: ["b"])
        #expect(try await yard.choose(specs: ["aggregate_instance_extra_specs:ssd": "true"]) == "b")
        #expect(try await yard.choose(specs: ["ssd": "<or> yes <or> maybe"]) == "b")
        #expect(["a", "b"].contains(try await yard.choose(specs: ["capabilities:cpu_info:arch": "x86_64"])))
        await #expect(throws: Failure.self) {
            _ = try await yard.choose(specs: ["capabilities:cpu_info:arch": "aarch64"])
        }
        await #expect(throws: Failure.self) { _ = try await yard.choose(specs: ["capabilities:vcpus_total": ">= 100"]) }
    }

    @Test func anAggregateCanBeForCertainProjectsOnly() async throws {
        let yard = try await Yard(["a", "b"])
        try await yard.aggregate("theirs", JSON.Object([.init(name: "filter_tenant_id", value: "x, y")]), hosts: ["a"])
        for _ in 1...4 { #expect(try await yard.choose(project: "z") == "b") }
        try await yard.change("b") { $0.isDisabled = true }
        #expect(try await yard.choose(project: "y") == "a")
    }

    @Test func anImageOfAnotherArchitectureFitsNowhere() async throws {
        let yard = try await Yard(["a"])
        #expect(try await yard.choose(image: ["hw_architecture": "x86_64"]) == "a")
        await #expect(throws: Failure.self) { _ = try await yard.choose(image: ["hw_architecture": "aarch64"]) }
        await #expect(throws: Failure.self) { _ = try await yard.choose(image: ["img_hv_type": "xen"]) }
    }

    @Test func placementIsAskedForResourcesAndTraits() async throws {
        let yard = try await Yard(["a"])
        _ = try await yard.choose(
            specs: [
                "resources:VCPU": "2", "resources:DISK_GB": "0", "resources1:CUSTOM_GOLD": "3",
                "trait:HW_CPU_X86_AVX": "required", "trait1:CUSTOM_X": "forbidden", "resources:bad&name": "1",
            ], image: ["trait:COMPUTE_NODE": "required"])
        let query = yard.asked.queries.withLock { $0.first } ?? ""
        #expect(query.contains("resources=MEMORY_MB:512,VCPU:2&"))
        #expect(query.contains("resources1=CUSTOM_GOLD:3"))
        #expect(query.contains("required=HW_CPU_X86_AVX,COMPUTE_NODE"))
        #expect(query.contains("required1=!CUSTOM_X"))
        #expect(!query.contains("bad"))
    }

    @Test func theSimpleAlgorithmTakesTheLeastLoaded() async throws {
        let yard = try await Yard(["a", "b", "c"]) { $0.scheduler.algorithm = .simple }
        try await yard.talk.server(on: "a")
        try await yard.talk.server(on: "c")
        #expect(try await yard.choose() == "b")
    }

    @Test func chosenAtRandomIsAnyThatIsThereWhateverElseIsAsked() async throws {
        let yard = try await Yard(["a", "b", "c"]) { $0.scheduler.algorithm = .random }
        try await yard.change("b") { $0.isDisabled = true }
        var chosen: Set<String> = []
        for _ in 1...60 { chosen.insert(try await yard.choose(zone: "south")) }
        #expect(chosen == ["a", "c"])
    }

    @Test func availableMeansOfTheRightZone() async throws {
        let yard = try await Yard(["a", "b", "c"]) { $0.scheduler.algorithm = .available }
        try await yard.aggregate(
            "north", JSON.Object([.init(name: "availability_zone", value: "north")]), hosts: ["b", "c"])
        var chosen: Set<String> = []
        for _ in 1...60 { chosen.insert(try await yard.choose(zone: "north")) }
        #expect(chosen == ["b", "c"])
    }

    @Test func aFilterCanBeLeftOut() async throws {
        let yard = try await Yard(["a"]) { $0.scheduler.skippedFilters = ["zone"] }
        #expect(try await yard.choose(zone: "south") == "a")
    }
}

@Suite struct SpecWishTests {
    @Test(arguments: [
        ("4", "4", true), (">= 4", "5", true), ("= 4", "5", true), ("== 4", "5", false), ("s== a", "a", true),
        ("s!= a", "a", false), ("<in> vx", "avx", true), ("<or> a <or> b", "b", true), ("<or> a <or> b", "ab", false),
        ("<all-in> av x", "avx", true), ("< 4", "many", false),
    ])
    func itIsReadAsItHasAlwaysBeen(wish: String, value: String, holds: Bool) {
        #expect(SpecWish(wish).holds(for: [value]) == holds)
    }
}
