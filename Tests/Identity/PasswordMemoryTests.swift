import Base
import CloudTesting
import Crypto
import Testing

@testable import Identity

/// A login that was right is remembered, so that the next one costs nothing; and for no longer than it is right.
@Suite struct PasswordMemoryTests {
    private let clock = HandClock()

    private func passwords(_ change: (inout IdentitySettings) -> Void = { _ in }) -> Passwords {
        var settings = IdentitySettings()
        settings.passwordCost = 10
        change(&settings)
        return Passwords(settings: settings, chance: SeededChance(seed: 7))
    }

    /// A hash that no password ever gave, but which a memory may know: so what is recalled is told from what is computed.
    private func isRecalled(_ memory: Passwords, _ password: String, _ hash: String) -> Bool {
        memory.recalls(password, against: hash, clock.now)
    }

    @Test func theSecondLoginIsRecalled() async throws {
        let memory = passwords()
        let hash = try await memory.hash("right")
        #expect(hash.hasPrefix("$2b$10$"))
        #expect(!isRecalled(memory, "right", hash))
        #expect(try await memory.verify("right", against: hash, now: clock.now))
        #expect(isRecalled(memory, "right", hash))
    }

    @Test func whatWasWrongIsNotRemembered() async throws {
        let memory = passwords()
        let hash = try await memory.hash("right")
        #expect(try await !memory.verify("wrong", against: hash, now: clock.now))
        #expect(!isRecalled(memory, "wrong", hash))
        #expect(try await !memory.verify("wrong", against: hash, now: clock.now))
    }

    @Test func itIsForgottenAfterAWhileAndWithTheHash() async throws {
        let memory = passwords()
        let (old, new) = (try await memory.hash("right"), try await memory.hash("other"))
        #expect(try await memory.verify("right", against: old, now: clock.now))
        #expect(!isRecalled(memory, "right", new))
        clock.pass(.seconds(301))
        #expect(!isRecalled(memory, "right", old))
    }

    @Test func itCanBeSwitchedOff() async throws {
        let memory = passwords { $0.isPasswordMemoryOn = false }
        let hash = try await memory.hash("right")
        #expect(try await memory.verify("right", against: hash, now: clock.now))
        #expect(!isRecalled(memory, "right", hash))
    }

    @Test func aCloudHashesAtTwelveUnlessItIsToldOtherwise() {
        #expect(IdentitySettings().passwordCost == 12)
        #expect(IdentitySettings().isPasswordMemoryOn)
    }

    @Test func aUserWhoIsDisabledOrHasAnotherPasswordIsNotLetInByMemory() async throws {
        let home = try await Household()
        let user = await home.makeUser("dora")
        #expect(await home.authenticate(Household.password("dora", "pass")).status == 201)
        #expect(await home.authenticate(Household.password("dora", "pass")).status == 201)
        _ = await home.send("PATCH", "/users/\(user)", ["user": ["enabled": false]])
        #expect(await home.authenticate(Household.password("dora", "pass")).status == 401)
        _ = await home.send("PATCH", "/users/\(user)", ["user": ["enabled": true]])
        #expect(await home.authenticate(Household.password("dora", "pass")).status == 201)
        _ = await home.send("PATCH", "/users/\(user)", ["user": ["password": "fresh"]])
        #expect(await home.authenticate(Household.password("dora", "pass")).status == 401)
        #expect(await home.authenticate(Household.password("dora", "fresh")).status == 201)
    }
}
