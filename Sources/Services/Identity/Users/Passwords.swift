import Base
import Crypto
import IO
import Synchronization

/// Hashes and verifies passwords on threads of their own, and remembers for a short while which ones were right.
///
/// A hash is slow on purpose, some 160 ms, so that a stolen database is of no use. A user who logs in again and again
/// pays for it once: what is remembered is a keyed digest of hash and password, with a key that this process alone has,
/// so a changed password is forgotten by itself.
final class Passwords: Sendable {
    private let pool = Pool(name: "passwords", threads: 2)
    private let settings: IdentitySettings
    private let chance: any Chance
    private let key: HMAC
    private let memory = Mutex<[[UInt8]: Moment]>([:])

    /// Enough for everybody who logs in within a few minutes; at the limit all is forgotten and learnt anew.
    private static let memoryLimit = 10_000
    private static let memoryLifetime: Duration = .seconds(300)

    init(settings: IdentitySettings, chance: any Chance) {
        self.settings = settings
        self.chance = chance
        key = HMAC(.sha256, key: chance.bytes(32))
    }

    func hash(_ password: String) async throws(Failure) -> String {
        let (cost, chance) = (settings.passwordCost, chance)
        return try await pool.run { () throws(Failure) in
            try PasswordHash.bcrypt(cost: cost).hash(password, chance: chance)
        }
    }

    func verify(_ password: String, against hash: String, now: Moment) async throws(Failure) -> Bool {
        let digest = digest(password, hash)
        if recalls(digest, now) { return true }
        let isRight = try await pool.run { () throws(Failure) in try PasswordHash.verify(password, against: hash) }
        if isRight, settings.isPasswordMemoryOn { remember(digest, now) }
        return isRight
    }

    /// Spends the time of a verification, so that a login takes as long for a user that isn't there.
    func pretend(_ password: String) async throws(Failure) { _ = try await hash(password) }

    /// Whether it would be let in without being hashed.
    func recalls(_ password: String, against hash: String, _ now: Moment) -> Bool {
        recalls(digest(password, hash), now)
    }

    private func digest(_ password: String, _ hash: String) -> [UInt8] { key.code(hash + "\0" + password) }

    private func recalls(_ digest: [UInt8], _ now: Moment) -> Bool {
        memory.withLock { memory in
            guard let learnt = memory[digest] else { return false }
            if now < learnt + Passwords.memoryLifetime { return true }
            memory[digest] = nil
            return false
        }
    }

    private func remember(_ digest: [UInt8], _ now: Moment) {
        memory.withLock { memory in
            if memory.count >= Passwords.memoryLimit { memory.removeAll(keepingCapacity: true) }
            memory[digest] = now
        }
    }
}
