import Base
import Glibc

/// Everything of one guest: a folder under its id. Where there is no folder, there is no guest.
struct GuestFolder: Sendable {
    let id: GuestID
    let path: String

    /// What was decided about the guest; what it really does, its process knows.
    struct Record: JSONCoded {
        var spec: GuestSpec
        /// `running`, `stopped` or `suspended`. A guest that should be running and has no process has crashed.
        var decided: PowerState

        init(spec: GuestSpec, decided: PowerState) {
            self.spec = spec
            self.decided = decided
        }

        init(_ json: JSON) throws(Failure) {
            spec = try GuestSpec(json.member("spec"))
            decided = try PowerState(json.member("decided"))
        }

        var json: JSON { ["spec": spec.json, "decided": decided.json] }

        var powerWithoutProcess: PowerState { decided == .running ? .crashed : decided }
    }

    // Sockets: for commands, for events, the serial port, the screen, the agent in the guest.
    var commands: String { path + "/qmp" }
    var events: String { path + "/events" }
    var console: String { path + "/console" }
    var screen: String { path + "/vnc" }
    var agent: String { path + "/agent" }
    // Files.
    var pid: String { path + "/pid" }
    var consoleLog: String { path + "/console.log" }
    var memory: String { path + "/memory" }
    var root: String { path + "/root.qcow2" }
    var swap: String { path + "/swap.raw" }
    /// There is no way back to what the root disk was before it grew: that goes at the guest's next start.
    var settled: String { path + "/settled" }
    var configDrive: String { path + "/config.iso" }
    func ephemeral(_ index: Int) -> String { path + "/ephemeral\(index).raw" }
    private var recordPath: String { path + "/guest.json" }

    /// A Unix socket's path has at most so many bytes, and the longest name here is `/console`.
    static let longestPath = 107 - 8

    /// Every guest's folder is a UUID below that one, and holds sockets.
    static func check(parent folder: String) throws(Failure) {
        guard folder.hasPrefix("/"), folder.utf8.count + 37 <= longestPath else {
            throw .invalid(
                "\(folder) is no place for guests: it has to begin with / and have at most "
                    + "\(longestPath - 37) bytes.")
        }
    }

    /// What the guest starts from, for another that looks into it.
    func rootDisk() throws(Failure) -> DiskSpec {
        guard let record = try record() else { throw .noGuest(id) }
        switch record.spec.root {
        case .image: return DiskSpec(id: id.text, place: .file(path: root, format: .qcow2))
        case .volume(let disk): return disk
        }
    }

    func record() throws(Failure) -> Record? {
        let bytes: [UInt8]
        do throws(Failure) { bytes = try Files.read(recordPath) } catch  where error.kind == .notFound { return nil }
        return try Record(JSONReader.read(bytes))
    }

    func save(_ record: Record) throws(Failure) {
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw LocalFiles.failure("make", path) }
        try Files.write(record.json.text, to: recordPath)
    }

    /// The record goes last, so that a removal that is cut off is still seen as a guest.
    func remove() throws(Failure) {
        try endLoan()
        for name in try LocalFiles.names(in: path) where path + "/" + name != recordPath {
            try LocalFiles.removeAll(path + "/" + name)
        }
        try LocalFiles.remove(recordPath)
        guard rmdir(path) == 0 || errno == ENOENT else { throw LocalFiles.failure("remove", path) }
    }

    /// What a process that is gone has left lying: sockets on which nobody listens.
    func sweep() throws(Failure) {
        for path in [commands, events, console, screen, agent, pid] { try LocalFiles.remove(path) }
    }
}
