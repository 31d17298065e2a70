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

    @Test mutating func whatIsNotToBeKeptIsGone() {
        for name in ["a", "b", "c"] { known.add(token(name, of: alice)) }
        known.keep { $0.text == "b" }
        #expect(["a", "b", "c"].filter { known.find($0) != nil } == ["b"])
        known.forgetAll()
        #expect(known.find("b") == nil)
    }
}
