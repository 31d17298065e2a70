package import Base

/// Passwords as they are stored: slow to check on purpose, in the forms that keystone's databases hold.
///
/// These functions block for as long as the hash is meant to cost (bcrypt at cost 12: some 160 ms). Call them on a pool
/// for blocking work, never on a loop that serves requests.
package enum PasswordHash: Sendable, Hashable {
    /// `$2b$…`: of the password's first 72 bytes, which is as far as bcrypt looks.
    case bcrypt(cost: Int = 12)
    /// `$bcrypt-sha256$…`: bcrypt of the password's HMAC-SHA256 under the salt, so that all of it counts.
    case bcryptSHA256(cost: Int = 12)
    /// `$scrypt$…`: `cost` is the binary logarithm of the rounds.
    case scrypt(cost: Int = 16, blockSize: Int = 8, lanes: Int = 1)
    /// `$pbkdf2-sha512$…`
    case pbkdf2SHA512(rounds: Int = 25_000)

    /// How many bytes of a password count.
    package var greatestLength: Int {
        switch self {
        case .bcrypt: Bcrypt.greatestLength
        case .bcryptSHA256, .scrypt, .pbkdf2SHA512: Self.greatestLength
        }
    }

    /// Hashing costs time in proportion to length, so there is an end. Keystone's `max_password_length` is the same.
    private static let greatestLength = 4_096
    private static let saltLength = 16

    /// Blocks. A password that is too long is cut off, as keystone does unless told to be strict.
    package func hash(_ password: String, chance: any Chance) throws(Failure) -> String {
        let password = Array(password.utf8.prefix(greatestLength))
        guard !password.contains(0) else { throw .invalid("A password must not contain a zero byte.") }
        let salt = chance.bytes(Self.saltLength)
        switch self {
        case .bcrypt(let cost): return try Bcrypt.hash(password, salt: salt, cost: cost)
        case .bcryptSHA256(let cost): return try BcryptSHA256.hash(password, salt: salt, cost: cost)
        case .scrypt(let cost, let blockSize, let lanes):
            return try Scrypt(cost: cost, blockSize: blockSize, lanes: lanes).hash(password, salt: salt)
        case .pbkdf2SHA512(let rounds): return try PBKDF2(rounds: rounds).hash(password, salt: salt)
        }
    }

    /// Blocks. Whether this is the password; throws when the hash is of no known form.
    package static func verify(_ password: String, against hash: String) throws(Failure) -> Bool {
        let password = Array(password.utf8.prefix(greatestLength))
        let fields = hash.split(separator: "$", omittingEmptySubsequences: false).map(String.init)
        guard fields.count >= 4, fields[0].isEmpty else { throw malformed }
        // A zero byte would end the password for crypt(3), and count for nothing at the end of an HMAC's key.
        guard !password.contains(0) else { return false }
        switch fields[1] {
        case "2a", "2b", "2x", "2y": return try Bcrypt.verify(password, against: hash)
        case "bcrypt-sha256": return try BcryptSHA256.verify(password, fields)
        case "scrypt": return try Scrypt.verify(password, fields)
        case "pbkdf2-sha512": return try PBKDF2.verify(password, fields)
        case "6": return try Crypt.verify(password, against: hash)
        default: throw .bug("A stored password hash is of an unknown kind: $\(fields[1])$.")
        }
    }

    static var malformed: Failure { .bug("A stored password hash is malformed.") }
}
