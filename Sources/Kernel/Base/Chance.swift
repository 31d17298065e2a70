import Glibc
import Synchronization

/// Where randomness comes from. A parameter, so that a whole cloud can be run again from one seed.
package protocol Chance: Sendable {
    func next() -> UInt64
}

/// The machine's own randomness, fit for secrets.
///
/// It is fetched in pieces, as every request needs some; what has been handed out is forgotten.
package struct SystemChance: Chance {
    private static let stock = Mutex<[UInt64]>([])

    package init() {}

    package func next() -> UInt64 {
        SystemChance.stock.withLock { stock in
            if stock.isEmpty { stock = SystemChance.fetch() }
            let last = stock.count - 1
            defer {
                stock[last] = 0
                stock.removeLast()
            }
            return stock[last]
        }
    }

    private static func fetch() -> [UInt64] {
        [UInt64](unsafeUninitializedCapacity: 32) { words, count in
            // Up to 256 bytes the kernel gives all or nothing.
            precondition(getentropy(words.baseAddress, 256) == 0, "The machine has no randomness.")
            count = 32
        }
    }
}

/// The same numbers for the same seed (SplitMix64). For tests and simulation, never for secrets.
package final class SeededChance: Chance {
    private let state: Mutex<UInt64>

    package init(seed: UInt64) { state = Mutex(seed) }

    package func next() -> UInt64 {
        state.withLock { state in
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
    }
}

extension Chance {
    package func bytes(_ count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        while bytes.count < count {
            var word = next()
            for _ in 0..<min(8, count - bytes.count) {
                bytes.append(UInt8(truncatingIfNeeded: word))
                word >>= 8
            }
        }
        return bytes
    }

    /// A whole number below `bound`.
    package func below(_ bound: Int) -> Int { bound <= 1 ? 0 : Int(next() % UInt64(bound)) }
}
