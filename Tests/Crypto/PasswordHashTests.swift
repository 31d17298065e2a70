import Base
import Crypto
import Testing

@Suite struct PasswordHashTests {
    /// All of "correct horse", made by other programs.
    static let known = [
        "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
        "$2a$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
        "$2y$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
        "$6$abcdefgh$yIZAF3gQPvtKZO/9qOJKffAKKbtS3ef3qmwyugk4uWVjX8YZf/GV3A8SkFxEPY0T56CcilGrHKLffBsp6dLMG.",
        "$pbkdf2-sha512$1000$AAECAwQFBgcICQoLDA0ODw$"
            + "Xpx07WjVx4vCIvrmBRj8uOoVVtGqJqtUv2J5bhizSQs7osCteF7W4A61dZDqSIqQjO.dxO6p5FT/Uy7QRBXSXA",
        "$pbkdf2-sha512$1000$AAECAwQFBgcICQoLDA0ODw$"
            + "Xpx07WjVx4vCIvrmBRj8uOoVVtGqJqtUv2J5bhizSQs7osCteF7W4A61dZDqSIqQjO+dxO6p5FT/Uy7QRBXSXA",
        "$scrypt$ln=4,r=8,p=1$AAECAwQFBgcICQoLDA0ODw$Q7EcH175P/kcU7JE2HRU.qTRrq/BS6UbCRYPdBaC5y8",
    ]

    @Test(arguments: known) func checksWhatOthersHashed(hash: String) throws {
        #expect(try PasswordHash.verify("correct horse", against: hash))
        #expect(try !PasswordHash.verify("correct horsf", against: hash))
        #expect(try !PasswordHash.verify("", against: hash))
        #expect(try !PasswordHash.verify("correct horse\0", against: hash))
    }

    static let cheap: [PasswordHash] = [
        .bcrypt(cost: 4), .bcryptSHA256(cost: 4), .scrypt(cost: 4), .pbkdf2SHA512(rounds: 10),
    ]

    @Test(arguments: cheap) func whatIsHashedIsChecked(form: PasswordHash) throws {
        let chance = SeededChance(seed: 5)
        let hash = try form.hash("pässword", chance: chance)
        #expect(try PasswordHash.verify("pässword", against: hash))
        #expect(try !PasswordHash.verify("password", against: hash))
        #expect(try form.hash("pässword", chance: chance) != hash, "no salt is used twice")
    }

    @Test func theFormsAreTheOnesThatKeystoneReads() throws {
        let starts = try Self.cheap.map { try $0.hash("x", chance: SeededChance(seed: 1)) }
        #expect(starts[0].hasPrefix("$2b$04$") && starts[0].utf8.count == 60)
        #expect(starts[1].hasPrefix("$bcrypt-sha256$v=2,t=2b,r=4$"))
        #expect(starts[2].hasPrefix("$scrypt$ln=4,r=8,p=1$"))
        #expect(starts[3].hasPrefix("$pbkdf2-sha512$10$"))
    }

    @Test func bcryptLooksAtSeventyTwoBytes() throws {
        let hash = "$2b$04$abcdefghijklmnopqrstuubzadhGtS2zEF.gu0yd0opP6cVzb.e0i"
        #expect(try PasswordHash.verify(String(repeating: "x", count: 72), against: hash))
        #expect(try PasswordHash.verify(String(repeating: "x", count: 90), against: hash))
        #expect(try !PasswordHash.verify(String(repeating: "x", count: 71), against: hash))
    }

    @Test func bcryptSHA256LooksAtAllOfThem() throws {
        let hash = "$bcrypt-sha256$v=2,t=2b,r=4$abcdefghijklmnopqrstuu$KhtxuBQKBo8Nu7Po0bSa7MhDXShD/jC"
        #expect(try PasswordHash.verify(String(repeating: "long ", count: 30), against: hash))
        #expect(try !PasswordHash.verify(String(repeating: "long ", count: 29), against: hash))
    }

    @Test(arguments: [
        "", "secret", "$", "$2b$", "$2b$04$short", "$1$abc$def", "$scrypt$ln=4$AAEC$AAEC",
        "$scrypt$ln=40,r=8,p=1$AAEC$AAEC",
        "$scrypt$ln=24,r=64,p=1$AAEC$AAEC", "$pbkdf2-sha512$0$AAEC$AAEC", "$pbkdf2-sha512$x$AAEC$AAEC",
        "$pbkdf2-sha512$10$!!!!$AAEC", "$bcrypt-sha256$r=4$abc$def", "$bcrypt-sha256$v=2,t=2b,r=4$$",
    ])
    func aBrokenHashIsNoWrongPassword(hash: String) {
        #expect(throws: Failure.self) { try PasswordHash.verify("correct horse", against: hash) }
    }

    @Test func aZeroByteIsRefusedWhereItWouldHideTheRest() {
        #expect(throws: Failure.self) { try PasswordHash.bcrypt(cost: 4).hash("a\0b", chance: SeededChance(seed: 1)) }
    }

    @Test(arguments: [
        PasswordHash.bcrypt(cost: 3), .bcrypt(cost: 32), .bcrypt(cost: -1), .scrypt(cost: 0), .pbkdf2SHA512(rounds: 0),
    ])
    func costsThatMakeNoSenseAreRefused(form: PasswordHash) {
        #expect(throws: Failure.self) { try form.hash("x", chance: SeededChance(seed: 1)) }
    }
}
