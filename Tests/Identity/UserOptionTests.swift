import Base
import CloudTesting
import Testing

@testable import Identity

/// What operators ask of passwords, and what single users are spared.
@Suite struct UserOptionTests {
    private func change(_ user: String, _ home: Household, from old: String = "pass", to new: String) async -> Int {
        await home.send(
            "POST", "/users/\(user)/password",
            ["user": ["original_password": .string(old), "password": .string(new)]]
        ).status
    }

    private func options(_ values: JSON) -> JSON.Object {
        JSON.Object([JSON.Member(name: "options", value: values)])
    }

    @Test func aWeakPasswordIsRefusedWithTheOperatorsAdvice() async throws {
        let home = try await Household { settings in
            settings.passwordPattern = "^(?=.*\\d)(?=.*[a-zA-Z]).{7,}$"
            settings.passwordAdvice = "seven letters and a digit"
        }
        let weak = await home.send("POST", "/users", ["user": ["name": "ann", "password": "short1"]])
        #expect(weak.status == 400)
        #expect(weak["error"]?["message"]?.string?.contains("seven letters and a digit") == true)
        let ann = await home.send("POST", "/users", ["user": ["name": "ann", "password": "longer1"]])["user"]?["id"]
        #expect(await change(ann?.string ?? "", home, from: "longer1", to: "letters") == 400)
        #expect(await change(ann?.string ?? "", home, from: "longer1", to: "letters2") == 204)
    }

    /// What isn't kept isn't taken.
    @Test func aUserOfAnUnknownProviderIsRefused() async throws {
        let home = try await Household()
        let link: JSON = ["idp_id": "elsewhere", "protocols": []]
        let made = await home.send("POST", "/users", ["user": ["name": "ann", "federated": [link]]])
        #expect(made.status == 400)
        #expect(made["error"]?["message"]?.string?.contains("elsewhere") == true)
        let ann = await home.makeUser("ann")
        #expect(await home.send("PATCH", "/users/\(ann)", ["user": ["federated": [link]]]).status == 400)
        #expect(await home.send("PATCH", "/users/\(ann)", ["user": ["federated": "elsewhere"]]).status == 400)
        #expect(await home.send("PATCH", "/users/\(ann)", ["user": ["federated": []]]).status == 200)
    }

    @Test func aLockedPasswordStays() async throws {
        let home = try await Household()
        let ann = await home.makeUser("ann", options(["lock_password": true]))
        #expect(await change(ann, home, to: "other") == 400)
        #expect(await home.authenticate(Household.password("ann", "pass")).status == 201)
    }

    @Test func anAccountThatNobodyUsesIsClosedUnlessItIsSpared() async throws {
        let home = try await Household { $0.inactivityLimit = .seconds(30 * 86_400) }
        _ = await home.makeUser("ann")
        _ = await home.makeUser("bob", options(["ignore_user_inactivity": true]))
        for name in ["ann", "bob"] {
            #expect(await home.authenticate(Household.password(name, "pass")).status == 201)
        }
        home.clock.pass(.seconds(29 * 86_400))
        #expect(await home.authenticate(Household.password("ann", "pass")).status == 201)
        home.clock.pass(.seconds(32 * 86_400))
        #expect(await home.authenticate(Household.password("ann", "pass")).status == 401)
        #expect(await home.authenticate(Household.password("bob", "pass")).status == 201)
    }

    @Test func anAccountIsLockedByFailuresUnlessItIsSpared() async throws {
        let home = try await Household { $0.lockoutAttempts = 2 }
        _ = await home.makeUser("ann")
        _ = await home.makeUser("bob", options(["ignore_lockout_failure_attempts": true]))
        for name in ["ann", "bob"] {
            for _ in 0..<2 { _ = await home.authenticate(Household.password(name, "wrong")) }
        }
        #expect(await home.authenticate(Household.password("ann", "pass")).status == 401)
        #expect(await home.authenticate(Household.password("bob", "pass")).status == 201)
        home.clock.pass(.seconds(1_801))
        #expect(await home.authenticate(Household.password("ann", "pass")).status == 201)
    }

    @Test func aPasswordExpiresUnlessItsUserIsSparedAndCanStillBeChanged() async throws {
        let home = try await Household { $0.passwordLifetime = .seconds(100) }
        let ann = await home.makeUser("ann")
        _ = await home.makeUser("bob", options(["ignore_password_expiry": true]))
        home.clock.pass(.seconds(101))
        #expect(await home.authenticate(Household.password("ann", "pass")).status == 401)
        #expect(await home.authenticate(Household.password("bob", "pass")).status == 201)
        #expect(await change(ann, home, to: "other") == 204)
        #expect(await home.authenticate(Household.password("ann", "other")).status == 201)
    }

    @Test func aGivenPasswordIsChangedBeforeItIsUsedUnlessItsUserIsSpared() async throws {
        let home = try await Household { $0.changePasswordUponFirstUse = true }
        let ann = await home.makeUser("ann")
        _ = await home.makeUser("bob", options(["ignore_change_password_upon_first_use": true]))
        #expect(await home.authenticate(Household.password("ann", "pass")).status == 401)
        #expect(await home.authenticate(Household.password("bob", "pass")).status == 201)
        #expect(await change(ann, home, to: "other") == 204)
        #expect(await home.authenticate(Household.password("ann", "other")).status == 201)
    }

    @Test func recentPasswordsAreNotUsedAgainAndNoneIsChangedTooSoon() async throws {
        let home = try await Household {
            $0.passwordHistory = 2
            $0.minimumPasswordAge = .seconds(60)
        }
        let ann = await home.makeUser("ann")
        #expect(await change(ann, home, to: "pass") == 400)
        #expect(await change(ann, home, to: "second") == 204)
        #expect(await change(ann, home, from: "second", to: "third") == 400)
        home.clock.pass(.seconds(61))
        #expect(await change(ann, home, from: "second", to: "pass") == 400)
        #expect(await change(ann, home, from: "second", to: "third") == 204)
    }

    @Test func allTokensOfAUserEndAtOnce() async throws {
        let home = try await Household()
        let (ann, bob) = (await home.makeMember("ann"), await home.makeMember("bob"))
        #expect(await home.send("DELETE", "/users/\(ann.user)/tokens", token: bob.token).status == 403)
        #expect(await home.works(ann.token))
        #expect(await home.send("DELETE", "/users/\(ann.user)/tokens", token: ann.token).status == 204)
        #expect(await !home.works(ann.token))
        #expect(await home.works(home.token(of: "ann", Household.onProject(ann.project))))
    }
}
