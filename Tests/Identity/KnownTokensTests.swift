import Base
import Policy
import Testing

@testable import Identity

@Suite struct KnownTokensTests {
    private var known = KnownTokens(limit: 4)
    private let alice: ID<User> = ID("alice")
    private let bob: ID<User> = ID("bob")

    private func token(_ text: String, of user: ID<User>) -> Token {
        Token(
            text: text, content: TokenSealTests.content(.unscoped, user: user),
            user: Caller.Named(id: user.text, name: user.text, domainID: "default", domainName: "Default"),
            passwordExpires: nil, reach: .unscoped, roles: [])
    }

    @Test mutating func whatIsShownAgainAndAgainStaysWhileOthersComeAndGo() {
        known.add(token("kept", of: alice))
        for number in 0..<20 {
            known.add(token("\(number)", of: bob))
            #expect(known.find("kept") != nil)
        }
        #expect(known.find("0") == nil)
        #expect(known.find("19") != nil)
    }

    @Test mutating func theTokensOfAUserAreForgottenInBothHalves() {
        for name in ["a", "b", "c"] { known.add(token(name, of: alice)) }
        known.add(token("d", of: bob))
        known.forget(alice) { $0.text != "c" }
        #expect(["a", "b", "c", "d"].filter { known.find($0) != nil } == ["c", "d"])
        known.forget(alice)
        #expect(["a", "b", "c", "d"].filter { known.find($0) != nil } == ["d"])
    }

    /// What one token of a user stands for another would, and that is all that may be taken from it.
    @Test mutating func anotherTokenOfTheSameUserForTheSameTargetIsFoundAndNoOther() {
        known.add(token("a", of: alice))
        #expect(known.token(of: alice, for: .unscoped)?.text == "a")
        #expect(known.token(of: alice, for: .system) == nil)
        #expect(known.token(of: bob, for: .unscoped) == nil)
        for number in 0..<2 { known.add(token("\(number)", of: bob)) }
        #expect(known.token(of: alice, for: .unscoped)?.text == "a")
        known.forget(alice)
        #expect(known.token(of: alice, for: .unscoped) == nil)
    }

    @Test mutating func whatIsNotToBeKeptIsGone() {
        for name in ["a", "b", "c"] { known.add(token(name, of: alice)) }
        known.keep { $0.text == "b" }
        #expect(["a", "b", "c"].filter { known.find($0) != nil } == ["b"])
        known.forgetAll()
        #expect(known.find("b") == nil)
    }
}
