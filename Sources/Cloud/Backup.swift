package import Base
import Glibc
import Programs
import SQL

/// The whole state of a cloud on one machine, in a file and back.
extension Care {
    /// What is linked: files that are never changed once they have their names.
    private static let linked = ["keys", "images", "policy", "clouds.yaml", "openrc"]
    /// What is copied, for somebody may write to it: the disks of servers, what they lie over, and volumes.
    private static let copied = ["cache", "servers", "volumes"]

    /// What a backup says of itself.
    private struct Label {
        /// Disks name the files they lie over with the whole path, so they are good in this folder only.
        let folder: String

        init(folder: String) { self.folder = folder }

        init(_ json: JSON) throws(Failure) {
            guard let folder = json["folder"]?.string else { throw .invalid("A backup doesn't say what it is of.") }
            self.folder = folder
        }

        var json: JSON { ["folder": JSON.string(folder)] }
    }

    private static let label = "backup.json"

    /// A copy of many disks takes as long as the disks need.
    private static let longest: Duration = .seconds(24 * 3_600)

    // MARK: There

    /// Keeps the state in a file: the database as it is at one moment, and whatever it names.
    ///
    /// Disks are copied while the guests stand still, all of them at once, so that what is kept is what a power failure
    /// would have left: for a moment where the file system shares what is copied (XFS, btrfs), else for as long as it takes.
    package func backup(to file: String, disks: Bool = true, _ progress: Progress) async throws(Failure) {
        guard settings.isDatabaseAFile else {
            throw .invalid(
                "The database is a server's: keep it with mariadb-dump --single-transaction, and the folder by tar.")
        }
        let data = settings.data.path
        guard Files.exists(settings.data.database) else { throw .notFound("cloud", data) }
        let staging = data + "/backup.\(getpid())"
        try DataDirectory.make(staging)
        defer { try? Files.removeFolder(staging) }
        // Everything twice, before the database is kept and again afterwards, so that whatever it names is there.
        try await gather(data, staging, disks: disks, progress)
        try await Database.keep(settings.data.database, as: staging + "/martlet.db")
        progress("database \(settings.data.database)")
        try await gather(data, staging, disks: disks, { _ in })
        try Files.write(Label(folder: data).json.text, to: "\(staging)/\(Care.label)")
        progress("writing  \(file)")
        let fresh = file + ".new"
        // Keys and passwords are in it: it is its owner's before there is anything in it.
        try Files.write("", to: fresh)
        var tar = Program("tar", "--create", "--sparse", "--file", fresh, "--directory", staging, ".")
        tar.limit = Care.longest
        do throws(Failure) { try await tar.run(by: "backup") } catch {
            unlink(fresh)
            throw error
        }
        guard rename(fresh, file) == 0 else { throw Care.cannot("write", file) }
        progress("kept     \(file)")
    }

    /// Takes in what isn't in the staging folder yet.
    private func gather(
        _ data: String, _ staging: String, disks: Bool, _ progress: Progress
    ) async throws(Failure) {
        for name in Care.linked where Files.exists("\(data)/\(name)") {
            try await take("\(data)/\(name)", as: "\(staging)/\(name)", ["--link"])
            progress("files    \(name)")
        }
        // Lines are added to it, so a copy may end in the middle of one.
        if Files.exists("\(data)/audit.log") { try await take("\(data)/audit.log", as: "\(staging)/audit.log", []) }
        for elsewhere in settings.imageStores + settings.volumeBackends {
            progress("left out \(elsewhere.folder): what is outside of \(data) is kept by other means")
        }
        guard disks else { return }
        var wanted: [String] = []
        for name in Care.copied { wanted += try FolderTree.files(in: data, name) }
        let missing = wanted.filter { !Files.exists("\(staging)/\($0)") }
        guard !missing.isEmpty else { return }
        let guests = try StandingStill(users: Care.copied.map { "\(data)/\($0)/" })
        defer { guests.goOn() }
        if guests.count > 0 { progress("holding  \(guests.count) processes that have disks open") }
        for (place, name) in missing.enumerated() {
            try await take("\(data)/\(name)", as: "\(staging)/\(name)", ["--reflink=auto", "--sparse=always"])
            progress("disk     \(place + 1) of \(missing.count): \(name)")
        }
    }

    /// One file or folder by `cp`. What went away meanwhile isn't missed: the database doesn't name it.
    private func take(_ source: String, as target: String, _ how: [String]) async throws(Failure) {
        try DataDirectory.make(String(target[..<(target.lastIndex(of: "/") ?? target.startIndex)]))
        var copy = Program("cp", ["--archive", "--force", "--no-target-directory"] + how + [source, target])
        copy.limit = Care.longest
        let outcome = try await copy.outcome(by: "backup")
        guard outcome.status == 0 || !Files.exists(source) || outcome.complaint.contains("No such file") else {
            throw .unavailable("cp failed (\(outcome.status)): \(outcome.complaint)")
        }
    }

    // MARK: And back

    /// Where what was there before has gone, if anything was.
    package func restore(from file: String, _ progress: Progress) async throws(Failure) -> String? {
        guard Files.exists(file) else { throw .notFound("file", file) }
        let data = settings.data.path
        let isThere = Files.exists(data)
        if isThere {
            try settings.data.take()
            try refuseRunningGuests()
        }
        let fresh = data + ".restoring"
        try Files.removeFolder(fresh)
        try DataDirectory.make(fresh)
        progress("reading  \(file)")
        var tar = Program("tar", "--extract", "--file", file, "--directory", fresh)
        tar.limit = Care.longest
        do throws(Failure) {
            try await tar.run(by: "restore")
            try check(fresh, from: file)
        } catch {
            try Files.removeFolder(fresh)
            throw error
        }
        progress("unpacked \(file)")
        let aside = data + ".before-" + Timestamp.seconds.text(world.now).filter { $0.isNumber || $0 == "T" }
        if isThere, rename(data, aside) != 0 { throw Care.cannot("set aside", data) }
        guard rename(fresh, data) == 0 else { throw Care.cannot("put in place", data) }
        progress("restored \(data)")
        return isThere ? aside : nil
    }

    private func check(_ folder: String, from file: String) throws(Failure) {
        guard Files.exists(folder + "/martlet.db") else {
            throw .invalid("\(file) holds no cloud: there is no martlet.db in it.")
        }
        guard Files.exists("\(folder)/\(Care.label)") else { return }
        let label = try Label(try JSONReader.read(try Files.read("\(folder)/\(Care.label)")))
        let hasDisks = try !FolderTree.files(in: folder, "servers").isEmpty
        guard label.folder == settings.data.path || !hasDisks else {
            throw .invalid(
                "The disks in \(file) name the folder that they were in: restore them there, with --data \(label.folder)."
            )
        }
    }

    /// A guest that went on with disks that were set aside would be there twice as soon as the cloud starts it again.
    private func refuseRunningGuests() throws(Failure) {
        let users = try StandingStill.users(of: Care.copied.map { "\(settings.data.path)/\($0)/" })
        guard let first = users.first else { return }
        throw .conflict(
            "Guests of the cloud in \(settings.data.path) still run: \(users.count) processes have disks open, such as "
                + "\(first). Stop the servers before the cloud, or end those processes.")
    }

    private static func cannot(_ what: String, _ path: String) -> Failure {
        .unavailable("Cannot \(what) \(path): \(String(cString: strerror(errno))).")
    }
}

/// The files below a folder that are worth keeping.
enum FolderTree {
    /// Marks of running processes, and what isn't complete.
    private static let passing = [".new", ".part", ".nbd"]

    /// - Returns: paths below `root`, the folder's own name first.
    static func files(in root: String, _ name: String) throws(Failure) -> [String] {
        var found: [String] = []
        for child in try Files.names(in: "\(root)/\(name)") ?? [] {
            guard child != "pid", !passing.contains(where: child.hasSuffix) else { continue }
            var facts = stat()
            guard lstat("\(root)/\(name)/\(child)", &facts) == 0 else { continue }
            switch facts.st_mode & S_IFMT {
            case S_IFDIR: found += try files(in: root, "\(name)/\(child)")
            case S_IFREG: found.append("\(name)/\(child)")
            default: break
            }
        }
        return found.sorted()
    }
}
