import Base
import CLibvirt
import Glibc
import IO
import Synchronization

/// The way to libvirt: one connection for everybody, made when it is needed and anew when it has broken.
///
/// libvirt's calls block, so they are made on threads of their own. Whatever a call works with is looked up and let go of
/// within it.
final class LibvirtNode: Sendable {
    /// Something that a guest has come to, or the end of the connection, after which anything may have happened.
    enum Change: Sendable {
        case guest(GuestID)
        case lost
    }

    let changes: AsyncStream<Change>
    private let teller: AsyncStream<Change>.Continuation
    private let daemon: LibvirtDaemon
    private let world: World
    private let current = Mutex<Connection?>(nil)
    private let opening = Turns()

    /// A guest's long call (memory to disk) must not keep others from the short ones.
    private static let pool = Pool(name: "libvirt", threads: 8)
    /// A daemon that starts looks at every processor that QEMU can be, once: seconds, on a busy machine half a minute.
    private static let patience = Duration.seconds(90)

    init(_ daemon: LibvirtDaemon, world: World) throws(Failure) {
        guard libvirt_is_here() != 0 else {
            throw .unavailable("libvirt is not installed: its library libvirt.so.0 cannot be loaded.")
        }
        self.daemon = daemon
        self.world = world
        (changes, teller) = AsyncStream.makeStream(
            of: Change.self, bufferingPolicy: .bufferingNewest(GuestEvent.mostWaiting))
    }

    /// Runs `body` with the connection, on a thread that may block.
    func ask<Value: Sendable>(
        _ body: @escaping @Sendable (Connection) throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        let connection = try await connected()
        return try await LibvirtNode.pool.run { () throws(Failure) in try body(connection) }
    }

    // MARK: Connecting

    func connected() async throws(Failure) -> Connection {
        if let connection = current.withLock({ $0 }), connection.isAlive { return connection }
        // One at a time; those who waited find it made.
        return try await opening.take(GuestID("connection")) { () throws(Failure) in
            if let connection = current.withLock({ $0 }), connection.isAlive { return connection }
            let connection = try await open()
            current.withLock { $0 = connection }
            return connection
        }
    }

    private func open() async throws(Failure) -> Connection {
        let limit = world.now + LibvirtNode.patience
        var problem = Failure.unavailable("libvirt does not answer.")
        while world.now < limit {
            let address = try await daemon.address { await (try? connect($0)) != nil }
            // One that has just been started listens when it has looked around.
            for _ in 1...50 {
                do throws(Failure) { return try await connect(address) } catch { problem = error }
                do { try await world.clock.sleep(for: .milliseconds(200)) } catch { throw Failure(error) }
            }
        }
        throw problem
    }

    private func connect(_ address: String) async throws(Failure) -> Connection {
        let teller = teller
        return try await LibvirtNode.pool.run { () throws(Failure) in try Connection(address, teller) }
    }
}

/// `@unchecked Sendable`: libvirt counts users atomically, and locks what it changes.
final class Connection: @unchecked Sendable {
    let address: String
    private let pointer: OpaquePointer
    private let watch: Int32
    private let known = Mutex<[String]?>(nil)

    fileprivate init(_ address: String, _ teller: AsyncStream<LibvirtNode.Change>.Continuation) throws(Failure) {
        EventLoop.run()
        guard let pointer = virConnectOpen(address) else { throw Connection.failure("cannot be reached") }
        // A daemon that hangs is one that is gone.
        virConnectSetKeepAlive(pointer, 5, 3)
        watch = libvirt_watch(pointer, tellOfGuest, Teller(teller).retained, releaseTeller)
        virConnectRegisterCloseCallback(pointer, tellOfEnd, Teller(teller).retained, releaseTeller)
        self.address = address
        self.pointer = pointer
    }

    deinit {
        virConnectUnregisterCloseCallback(pointer, tellOfEnd)
        if watch >= 0 { virConnectDomainEventDeregisterAny(pointer, watch) }
        virConnectClose(pointer)
    }

    var isAlive: Bool { virConnectIsAlive(pointer) == 1 }

    /// Major, minor and patch of QEMU as one number.
    func version() throws(Failure) -> Int {
        var version: UInt = 0
        try Connection.check(virConnectGetVersion(pointer, &version), "does not tell its version")
        return Int(version)
    }

    /// What keeps guests apart here: `dac`, `apparmor`, `selinux`. Asked once: to tell what it can do takes libvirt seconds
    /// where it has to look again at every processor that QEMU can be.
    func guards() throws(Failure) -> [String] {
        if let known = known.withLock({ $0 }) { return known }
        guard let text = virConnectGetCapabilities(pointer) else {
            throw Connection.failure("does not tell what it can do")
        }
        defer { free(text) }
        let host = try XML(reading: String(cString: text)).child("host")
        let guards = (host?.all("secmodel") ?? []).compactMap { $0.child("model")?.words }.filter { $0 != "none" }
        known.withLock { $0 = guards }
        return guards
    }

    func define(_ domain: XML) throws(Failure) {
        guard let guest = virDomainDefineXML(pointer, domain.text) else {
            throw Connection.failure("refuses the guest's definition")
        }
        virDomainFree(guest)
    }

    /// nil: it knows of no such guest.
    func guest<Value>(
        _ id: GuestID, _ body: (OpaquePointer) throws(Failure) -> Value
    ) throws(Failure) -> Value? {
        guard let guest = virDomainLookupByUUIDString(pointer, id.text) else {
            guard virGetLastErrorCode() == Int32(VIR_ERR_NO_DOMAIN.rawValue) else {
                throw Connection.failure("cannot find the guest \(id)")
            }
            return nil
        }
        defer { virDomainFree(guest) }
        return try body(guest)
    }

    // MARK: Failing

    static func check(_ result: Int32, _ complaint: String) throws(Failure) {
        guard result >= 0 else { throw failure(complaint) }
    }

    /// The error that the last call on this thread left.
    static func failure(_ complaint: String) -> Failure {
        let code = virGetLastErrorCode()
        let words = virGetLastErrorMessage().map { String(cString: $0) } ?? "it says no more"
        let kind: Failure.Kind = code == Int32(VIR_ERR_OPERATION_TIMEOUT.rawValue) ? .timedOut : .unavailable
        return Failure(kind, "libvirt \(complaint): \(words)", name: "libvirt-\(code)")
    }
}

/// libvirt's own loop, in which it hears of guests and keeps connections up. It is the process's, and can be neither
/// stopped nor made twice, so neither is its thread.
private enum EventLoop {
    private static let isRunning: Bool = {
        // Failures are told by whoever asked, and not on the terminal.
        virSetErrorFunc(nil) { _, _ in }
        guard virEventRegisterDefaultImpl() == 0 else { return false }
        startThread(named: "libvirt events") {
            // It fails only where the system gives it nothing to wait with.
            while virEventRunDefaultImpl() == 0 {}
        }
        return true
    }()

    static func run() { _ = isRunning }
}

// MARK: What libvirt calls

private final class Teller: Sendable {
    let listener: AsyncStream<LibvirtNode.Change>.Continuation

    init(_ listener: AsyncStream<LibvirtNode.Change>.Continuation) { self.listener = listener }

    var retained: UnsafeMutableRawPointer { Unmanaged.passRetained(self).toOpaque() }

    static func tell(_ raw: UnsafeMutableRawPointer?, _ change: LibvirtNode.Change) {
        guard let raw else { return }
        Unmanaged<Teller>.fromOpaque(raw).takeUnretainedValue().listener.yield(change)
    }
}

private func tellOfGuest(
    _: OpaquePointer?, _ guest: OpaquePointer?, _: Int32, _: Int32, _ teller: UnsafeMutableRawPointer?
) -> Int32 {
    var text = [CChar](repeating: 0, count: Int(VIR_UUID_STRING_BUFLEN))
    guard let guest, virDomainGetUUIDString(guest, &text) == 0 else { return 0 }
    let id = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    Teller.tell(teller, .guest(GuestID(id)))
    return 0
}

private func tellOfEnd(_: OpaquePointer?, _: Int32, _ teller: UnsafeMutableRawPointer?) {
    Teller.tell(teller, .lost)
}

private func releaseTeller(_ teller: UnsafeMutableRawPointer?) {
    if let teller { Unmanaged<Teller>.fromOpaque(teller).release() }
}
