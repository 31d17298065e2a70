import Base
import CSQLite
import Glibc
import Synchronization

/// The disk under the simulated process's database. What is written is there at once, and stays once it was synced; what
/// was not may be lost or torn when the power goes. Writes and syncs fail where the weather says so.
///
/// It stands between SQLite and the files, as SQLite's default file system of this process.
final class Disk: Sendable {
    /// One thing that was done to a file since it was last synced.
    private struct Change {
        let offset: Int64
        /// What stood there, and how long the file was.
        let before: [UInt8]
        let length: Int64
        /// nil: it was cut off at the offset.
        let after: [UInt8]?
    }

    private struct State {
        /// Those that are open, by their number, with the life of the process in which they were opened.
        var open: [Int: (path: String, life: Int)] = [:]
        var last = 0
        var life = 0
        var hasPower = true
        var unsynced: [String: [Change]] = [:]
        /// After so many writes and syncs more, the process ends.
        var fuse: Int?
        /// So many writes more find no room.
        var full = 0
    }

    private let state = Mutex(State())
    private let weather: Weather
    private let chance: any Chance
    private let history: History
    /// Ends the process.
    private let kill: Mutex<@Sendable () -> Void> = Mutex({})

    init(weather: Weather, chance: any Chance, history: History) {
        self.weather = weather
        self.chance = chance
        self.history = history
    }

    /// From now on SQLite's files are on this disk.
    func mount() {
        FileSystem.register()
        FileSystem.disk.withLock { $0 = self }
    }

    /// There is room again.
    func makeRoom() { state.withLock { $0.full = 0 } }

    /// The process is to end in the middle of what it writes, not now but soon.
    func lightFuse(_ writes: Int, kill: @escaping @Sendable () -> Void) {
        self.kill.withLock { $0 = kill }
        state.withLock { $0.fuse = writes }
    }

    /// The process has ended: nothing that it still has open changes anything.
    func processEnded() {
        state.withLock { state in
            state.life += 1
            state.hasPower = false
            state.fuse = nil
            state.full = 0
        }
    }

    /// A process can begin. If the power was away, of each change that was not synced is there all, nothing, or a part.
    func start(afterPowerFailure: Bool) {
        let unsynced = state.withLock { state in
            state.hasPower = true
            defer { state.unsynced = [:] }
            return afterPowerFailure ? state.unsynced : [:]
        }
        for (path, changes) in unsynced.sorted(by: { $0.key < $1.key }) { lose(changes, of: path) }
    }

    private func lose(_ changes: [Change], of path: String) {
        let file = open(path, O_RDWR | O_CLOEXEC)
        guard file >= 0 else { return }
        defer { close(file) }
        for change in changes.reversed() {
            _ = change.before.withUnsafeBytes { pwrite(file, $0.baseAddress, $0.count, off_t(change.offset)) }
            _ = ftruncate(file, off_t(change.length))
        }
        for change in changes {
            let fate = chance.below(3)
            guard fate > 0 else { continue }
            guard let after = change.after else {
                _ = ftruncate(file, off_t(change.offset))
                continue
            }
            let sectors = (after.count + Disk.sector - 1) / Disk.sector
            let kept = fate == 1 ? after.count : min(after.count, chance.below(sectors) * Disk.sector)
            _ = after.withUnsafeBytes { pwrite(file, $0.baseAddress, kept, off_t(change.offset)) }
        }
        history.note("! of \(changes.count) changes to \(path.split(separator: "/").last ?? "") some are lost")
    }

    /// What a disk writes as a whole or not at all.
    private static let sector = 512

    // MARK: What SQLite does

    fileprivate func opened(_ path: String) -> Int {
        state.withLock { state in
            state.last += 1
            state.open[state.last] = (path, state.life)
            return state.last
        }
    }

    fileprivate func closed(_ number: Int) { state.withLock { _ = $0.open.removeValue(forKey: number) } }

    /// Whether what a file does still counts. One that isn't here was never on this disk.
    fileprivate func isAlive(_ number: Int) -> Bool {
        state.withLock { state in state.open[number].map { $0.life == state.life && state.hasPower } ?? true }
    }

    fileprivate var hasPower: Bool { state.withLock { $0.hasPower } }

    /// A result code that a write is to fail with, or nil.
    fileprivate func refusal(ofWrite number: Int) -> Int32? {
        guard isAlive(number), !burnsDown() else { return FileSystem.failedWrite }
        let isFull = state.withLock { state in
            state.full = max(0, state.full - 1)
            return state.full > 0
        }
        if isFull { return SQLITE_FULL }
        if weather.strikes(\.fullDisk, "the disk is full") {
            state.withLock { $0.full = 1 + chance.below(30) }
            return SQLITE_FULL
        }
        return weather.strikes(\.failingWrites, "a write failed") ? FileSystem.failedWrite : nil
    }

    fileprivate func refusal(ofSync number: Int) -> Int32? {
        guard isAlive(number), !burnsDown() else { return FileSystem.failedSync }
        return weather.strikes(\.failingSyncs, "a sync failed") ? FileSystem.failedSync : nil
    }

    private func burnsDown() -> Bool {
        let isOver = state.withLock { state -> Bool in
            guard let fuse = state.fuse else { return false }
            state.fuse = fuse > 0 ? fuse - 1 : nil
            return fuse == 0
        }
        if isOver { kill.withLock { $0 }() }
        return isOver
    }

    fileprivate func note(write after: [UInt8]?, at offset: Int64, over before: [UInt8], length: Int64, by number: Int)
    {
        state.withLock { state in
            guard let path = state.open[number]?.path else { return }
            let change = Change(offset: offset, before: before, length: length, after: after)
            state.unsynced[path, default: []].append(change)
        }
    }

    fileprivate func synced(_ number: Int) {
        state.withLock { state in
            guard let path = state.open[number]?.path else { return }
            state.unsynced[path] = nil
        }
    }

    fileprivate func removed(_ path: String) { state.withLock { $0.unsynced[path] = nil } }
}

/// The disk as SQLite wants to speak to one: C functions, with the machine's own behind them.
private enum FileSystem {
    static let disk = Mutex<Disk?>(nil)

    // Macros that don't come across from C.
    static let failedRead = SQLITE_IOERR | (1 << 8)
    static let failedWrite = SQLITE_IOERR | (3 << 8)
    static let failedSync = SQLITE_IOERR | (4 << 8)
    static let failedRemoval = SQLITE_IOERR | (10 << 8)
    static let shortRead = SQLITE_IOERR | (2 << 8)

    /// What stands before the machine's own file in the memory that SQLite gives for one.
    private struct Head {
        var methods: UnsafePointer<sqlite3_io_methods>?
        var number: Int
    }

    typealias File = UnsafeMutablePointer<sqlite3_file>

    private static func head(_ file: File) -> UnsafeMutablePointer<Head> {
        UnsafeMutableRawPointer(file).assumingMemoryBound(to: Head.self)
    }

    private static func own(_ file: File) -> File {
        (UnsafeMutableRawPointer(file) + MemoryLayout<Head>.stride).assumingMemoryBound(to: sqlite3_file.self)
    }

    private static func number(_ file: File) -> Int { head(file).pointee.number }
    private static var current: Disk? { disk.withLock { $0 } }

    private static func length(_ own: File) -> Int64 {
        var length: Int64 = 0
        _ = own.pointee.pMethods.pointee.xFileSize(own, &length)
        return length
    }

    private static func read(_ own: File, _ range: Range<Int64>) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: range.count)
        _ = bytes.withUnsafeMutableBytes {
            own.pointee.pMethods.pointee.xRead(own, $0.baseAddress, Int32($0.count), range.lowerBound)
        }
        return bytes
    }

    private static func write(_ file: File, _ bytes: UnsafeRawPointer?, _ count: Int32, _ offset: Int64) -> Int32 {
        let (own, number, disk) = (own(file), number(file), current)
        if let refusal = disk?.refusal(ofWrite: number) { return refusal }
        let length = length(own)
        let after = Array(UnsafeRawBufferPointer(start: bytes, count: Int(count)))
        let before = offset < length ? read(own, offset..<min(length, offset + Int64(count))) : []
        let code = own.pointee.pMethods.pointee.xWrite(own, bytes, count, offset)
        if code == SQLITE_OK { disk?.note(write: after, at: offset, over: before, length: length, by: number) }
        return code
    }

    private static func cut(_ file: File, _ offset: Int64) -> Int32 {
        let (own, number, disk) = (own(file), number(file), current)
        if let refusal = disk?.refusal(ofWrite: number) { return refusal }
        let length = length(own)
        let before = offset < length ? read(own, offset..<length) : []
        let code = own.pointee.pMethods.pointee.xTruncate(own, offset)
        if code == SQLITE_OK { disk?.note(write: nil, at: offset, over: before, length: length, by: number) }
        return code
    }

    private static func sync(_ file: File, _ flags: Int32) -> Int32 {
        let (own, number, disk) = (own(file), number(file), current)
        if let refusal = disk?.refusal(ofSync: number) { return refusal }
        let code = own.pointee.pMethods.pointee.xSync(own, flags)
        if code == SQLITE_OK { disk?.synced(number) }
        return code
    }

    private static func methods() -> sqlite3_io_methods {
        var methods = sqlite3_io_methods()
        // The second version has shared memory; mapped files, the third, would go past all this.
        methods.iVersion = 2
        methods.xClose = { file in
            guard let file else { return SQLITE_OK }
            let own = FileSystem.own(file)
            FileSystem.current?.closed(FileSystem.number(file))
            return own.pointee.pMethods.pointee.xClose(own)
        }
        methods.xRead = { file, bytes, count, offset in
            guard let file else { return FileSystem.failedRead }
            guard FileSystem.current?.isAlive(FileSystem.number(file)) ?? true else { return FileSystem.failedRead }
            let own = FileSystem.own(file)
            return own.pointee.pMethods.pointee.xRead(own, bytes, count, offset)
        }
        methods.xWrite = { file, bytes, count, offset in
            file.map { FileSystem.write($0, bytes, count, offset) } ?? FileSystem.failedWrite
        }
        methods.xTruncate = { file, offset in file.map { FileSystem.cut($0, offset) } ?? FileSystem.failedWrite }
        methods.xSync = { file, flags in file.map { FileSystem.sync($0, flags) } ?? FileSystem.failedSync }
        methods.xFileSize = { file, length in
            guard let file else { return FileSystem.failedRead }
            let own = FileSystem.own(file)
            return own.pointee.pMethods.pointee.xFileSize(own, length)
        }
        methods.xLock = { file, level in
            guard let file else { return SQLITE_OK }
            let own = FileSystem.own(file)
            return own.pointee.pMethods.pointee.xLock(own, level)
        }
        methods.xUnlock = { file, level in
            guard let file else { return SQLITE_OK }
            let own = FileSystem.own(file)
            return own.pointee.pMethods.pointee.xUnlock(own, level)
        }
        methods.xCheckReservedLock = { file, answer in
            guard let file else { return SQLITE_OK }
            let own = FileSystem.own(file)
            return own.pointee.pMethods.pointee.xCheckReservedLock(own, answer)
        }
        methods.xFileControl = { file, operation, argument in
            guard let file else { return SQLITE_NOTFOUND }
            let own = FileSystem.own(file)
            return own.pointee.pMethods.pointee.xFileControl(own, operation, argument)
        }
        methods.xSectorSize = { file in
            guard let file else { return 512 }
            let own = FileSystem.own(file)
            return own.pointee.pMethods.pointee.xSectorSize(own)
        }
        methods.xDeviceCharacteristics = { file in
            guard let file else { return 0 }
            let own = FileSystem.own(file)
            return own.pointee.pMethods.pointee.xDeviceCharacteristics(own)
        }
        methods.xShmMap = { file, page, size, extends, memory in
            guard let file else { return SQLITE_IOERR }
            let own = FileSystem.own(file)
            return own.pointee.pMethods.pointee.xShmMap(own, page, size, extends, memory)
        }
        methods.xShmLock = { file, offset, count, flags in
            guard let file else { return SQLITE_IOERR }
            let own = FileSystem.own(file)
            return own.pointee.pMethods.pointee.xShmLock(own, offset, count, flags)
        }
        methods.xShmBarrier = { file in
            guard let file else { return }
            let own = FileSystem.own(file)
            own.pointee.pMethods.pointee.xShmBarrier(own)
        }
        methods.xShmUnmap = { file, removes in
            guard let file else { return SQLITE_OK }
            let own = FileSystem.own(file)
            return own.pointee.pMethods.pointee.xShmUnmap(own, removes)
        }
        return methods
    }

    // Made once, and never taken away.
    nonisolated(unsafe) private static let allMethods: UnsafeMutablePointer<sqlite3_io_methods> = {
        let pointer = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 1)
        pointer.initialize(to: methods())
        return pointer
    }()

    nonisolated(unsafe) private static let machine: UnsafeMutablePointer<sqlite3_vfs>? = sqlite3_vfs_find("unix")

    nonisolated(unsafe) private static let simulated: UnsafeMutablePointer<sqlite3_vfs>? = {
        guard let machine else { return nil }
        let pointer = UnsafeMutablePointer<sqlite3_vfs>.allocate(capacity: 1)
        var vfs = machine.pointee
        vfs.szOsFile += Int32(MemoryLayout<Head>.stride)
        vfs.pNext = nil
        vfs.zName = UnsafePointer(strdup("simulated"))
        vfs.xOpen = { _, name, file, flags, answer in
            guard let machine = FileSystem.machine, let file else { return SQLITE_CANTOPEN }
            let own = FileSystem.own(file)
            FileSystem.head(file).initialize(to: Head(methods: nil, number: 0))
            let code = machine.pointee.xOpen(machine, name, own, flags, answer)
            guard code == SQLITE_OK else { return code }
            let number = name.flatMap { name in FileSystem.current?.opened(String(cString: name)) } ?? 0
            FileSystem.head(file).initialize(to: Head(methods: UnsafePointer(FileSystem.allMethods), number: number))
            return code
        }
        vfs.xDelete = { _, name, syncs in
            guard let machine = FileSystem.machine else { return FileSystem.failedRemoval }
            guard FileSystem.current?.hasPower ?? true else { return FileSystem.failedRemoval }
            if let name { FileSystem.current?.removed(String(cString: name)) }
            return machine.pointee.xDelete(machine, name, syncs)
        }
        pointer.initialize(to: vfs)
        return pointer
    }()

    static func register() {
        guard let simulated else { return }
        sqlite3_vfs_register(simulated, 1)
    }
}
