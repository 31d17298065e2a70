/// Memory that bytes are gathered in, and that is used again for the next ones.
///
/// For bodies that are large: memory that is asked for anew for each piece comes from the kernel page by page, which costs
/// more than receiving what goes into it. It lies as disks want it that are written to past the page cache.
///
/// `@unchecked Sendable`: one task at a time has to do with it, and nobody writes to it while somebody reads from it.
package final class Block: @unchecked Sendable {
    /// What disks count in: a part of it can only be written through the page cache.
    package static let sector = 4_096

    private let memory: UnsafeMutableRawBufferPointer
    package private(set) var count = 0
    /// What was handed over and didn't fit.
    private var waiting: ArraySlice<UInt8> = []

    package init(size: Int = 2 << 20) {
        memory = .allocate(byteCount: size, alignment: Block.sector)
    }

    deinit { memory.deallocate() }

    package var isFull: Bool { count == memory.count }

    /// What is in it.
    package var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: memory[..<count]) }

    /// Where the next bytes go.
    var room: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(rebasing: memory[count...]) }

    /// So many bytes were put where there was room.
    func grow(by more: Int) {
        precondition(more <= memory.count - count, "A block holds no more than it has room for.")
        count += more
    }

    /// What doesn't fit waits until the block is cleared.
    package func append(_ bytes: [UInt8]) {
        waiting = waiting.isEmpty ? bytes[...] : waiting + bytes
        takeWaiting()
    }

    /// Begins anew, with what has been waiting.
    package func clear() {
        count = 0
        takeWaiting()
    }

    private func takeWaiting() {
        let fitting = waiting.prefix(memory.count - count)
        guard !fitting.isEmpty else { return }
        fitting.withUnsafeBytes { room.copyMemory(from: $0) }
        count += fitting.count
        waiting = waiting.dropFirst(fitting.count)
        if waiting.isEmpty { waiting = [] }
    }
}
