import Base
import CloudTesting
import Foundation
import HTTP
import SQL
import Testing

@testable import Identity

/// Two processes on one database: what one changes, the other takes in when it next looks.
@Suite struct ProcessesTests {
    let path: String
    let here: Household
    let there: Household

    init() async throws {
        path = NSTemporaryDirectory() + "identity-\(Foundation.UUID().uuidString).db"
        here = try await Household(.file(path))
        there = try await Household(.file(path))
    }

    @Test func nothingNewCostsOneRead() async throws {
        let ann = await here.makeMember("ann")
        try await there.identity.follow()
        #expect(await there.works(ann.token))
        let before = there.identity.database.counts.reads
        try await there.identity.follow()
        #expect(there.identity.database.counts.reads == before + 1)
        _ = try await there.identity.tokens.token(ann.token)
        #expect(there.identity.database.counts.reads == before + 1)
    }

    @Test func whatAProcessDidItselfIsNoNews() async throws {
        try await here.identity.follow()
        let ann = await here.makeMember("ann")
        #expect(await here.works(ann.token))
        #expect(try await here.identity.changes.news(here.identity.database) == nil)
    }

    @Test func aRevocationIsSeen() async throws {
        let ann = await here.makeMember("ann")
        try await there.identity.follow()
        #expect(await there.works(ann.token))
        _ = await here.talk.send(
            "DELETE", "/identity/v3/auth/tokens", token: here.adminToken, headers: ["X-Subject-Token": ann.token])
        try await there.identity.follow()
        #expect(await !there.works(ann.token))
    }

    @Test func aLostRoleAndADisabledUserAreSeen() async throws {
        let (ann, bob) = (await here.makeMember("ann"), await here.makeMember("bob"))
        try await there.identity.follow()
        #expect(await there.works(ann.token))
        #expect(await there.works(bob.token))
        await here.revoke("member", from: ann.user, on: ann.project)
        _ = await here.send("PATCH", "/users/\(bob.user)", ["user": ["enabled": false]])
        try await there.identity.follow()
        #expect(await !there.works(ann.token))
        #expect(await !there.works(bob.token))
    }

    @Test func aNewServiceIsInTheOthersCatalog() async throws {
        let types = { (home: Household) in
            await home.send("GET", "/auth/catalog")["catalog"]?.array?.compactMap { $0["type"]?.string } ?? []
        }
        #expect(await types(there) == [])
        _ = await here.send("POST", "/services", ["service": ["type": "compute", "name": "nova"]])
        try await there.identity.follow()
        #expect(await types(there) == ["compute"])
    }

    /// The upkeep's own rhythm, with a clock that doesn't wait.
    @Test func theUpkeepLooksByItself() async throws {
        let ann = await here.makeMember("ann")
        try await there.identity.follow()
        #expect(await there.works(ann.token))
        _ = await here.send("DELETE", "/users/\(ann.user)")
        let (identity, clock) = (there.identity, there.clock)
        let start = clock.now
        let upkeep = Task { try await identity.run { _ in } }
        while clock.now < start + .seconds(2) { await Task.yield() }
        upkeep.cancel()
        #expect(await !there.works(ann.token))
    }
}
