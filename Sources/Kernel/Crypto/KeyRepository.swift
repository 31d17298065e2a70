package import Base
import Synchronization

/// A directory of numbered Fernet keys, laid out as keystone lays it out, so that the two can share one.
///
/// The highest number is the primary, which seals. 0 is staged: the next primary, which other machines can already open
/// with when one starts to seal with it. What lies between was primary once, and opens what was sealed then.
package struct KeyRepository: Sendable {
    private static let staged = 0

    package let path: String
    /// How many keys there are at most, the staged and the primary among them.
    package let greatestCount: Int

    package init(path: String, greatestCount: Int = 3) {
        self.path = path
        self.greatestCount = max(greatestCount, 2)
    }

    /// Makes the directory and its first keys, unless they are there.
    package func create(chance: any Chance) throws(Failure) {
        try KeyDirectory.make(path)
        let directory = try KeyDirectory(path)
        let numbers = try directory.numbers()
        if numbers.isEmpty { try stage(in: directory, chance) }
        if numbers.allSatisfy({ $0 == Self.staged }) { try promote(in: directory, chance) }
    }

    /// Makes the staged key the primary, stages a new one, and drops the oldest beyond `greatestCount`.
    package func rotate(chance: any Chance) throws(Failure) {
        let directory = try KeyDirectory(path)
        let numbers = try directory.numbers()
        guard !numbers.isEmpty else { throw .unavailable("There are no keys in \(path) to rotate.") }
        // A rotation that was cut short between promoting and staging is only finished: promoting again would seal with
        // a key that no other machine has seen.
        if numbers.contains(Self.staged) {
            try promote(in: directory, chance)
        } else {
            try stage(in: directory, chance)
        }
    }

    /// The keys, primary first, staged last.
    package func load() throws(Failure) -> FernetKeys {
        let directory = try KeyDirectory(path)
        var keys: [FernetKey] = []
        for number in try directory.numbers().sorted(by: >) {
            let text = try directory.read(String(number))
            do {
                keys.append(try FernetKey(text))
            } catch {
                throw .unavailable("\(path)/\(number) holds no key: \(error.message)", cause: error)
            }
        }
        guard !keys.isEmpty else { throw .unavailable("There are no keys in \(path).") }
        return try FernetKeys(keys)
    }

    private func stage(in directory: borrowing KeyDirectory, _ chance: any Chance) throws(Failure) {
        try directory.write(FernetKey(chance).text, as: String(Self.staged))
    }

    private func promote(in directory: borrowing KeyDirectory, _ chance: any Chance) throws(Failure) {
        let primary = (try directory.numbers().max() ?? 0) + 1
        try directory.rename(String(Self.staged), to: String(primary))
        try stage(in: directory, chance)
        let spent = try directory.numbers().sorted(by: >).filter { $0 != Self.staged }.dropFirst(greatestCount - 1)
        for number in spent { try directory.remove(String(number)) }
    }
}

/// The keys of a repository as they are in use. Its owner looks now and then whether another process rotated them.
package final class KeyRing: Sendable {
    private let repository: KeyRepository
    private let current: Mutex<FernetKeys>

    package init(_ repository: KeyRepository) throws(Failure) {
        self.repository = repository
        current = Mutex(try repository.load())
    }

    package var keys: FernetKeys { current.withLock { $0 } }

    /// Reads the repository again; true when something was new. When it cannot be read, the keys stay as they were.
    @discardableResult
    package func refresh() throws(Failure) -> Bool {
        let loaded = try repository.load()
        return current.withLock { keys in
            guard loaded.keys != keys.keys else { return false }
            keys = loaded
            return true
        }
    }
}
