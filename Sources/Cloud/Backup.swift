package import Base
import Glibc
import Programs
import SQL

/// The state of a cloud, in a file and back: all of it where one process is the cloud, else what a process of it has.
extension Care {
    /// Somewhere with files to keep: the cloud's own folder, or one that the settings name for a store.
    private struct Place {
        let folder: String
        /// What it is called in a backup; nothing: the cloud's own.
        let name: String
        /// Files that are never changed once they have their names.
        let linked: [String]
        /// What is copied, for somebody may write to it: the disks of servers, what they lie over, and volumes.
        let copied: [String]

        /// On the file system of what it is filled from; no store takes it for something of its own.
        var staging: String { "\(folder)/backup.\(getpid()).part" }
        var keep: String { name.isEmpty ? staging : "\(staging)/\(name)" }
        /// Where whatever is put back stands until all of it is there.
        var fresh: String { "\(folder)/restored.part" }
    }

    private var home: Place {
        Place(
            folder: settings.data.path, name: "", linked: ["keys", "images", "policy", "clouds.yaml", "openrc"],
            copied: ["cache", "servers", "volumes"])
    }

    /// Stores elsewhere, of the roles that this process has.
    private var elsewhere: [Place] {
        let images = settings.roles.contains(.api) ? settings.imageStores : []
        let volumes = settings.roles.contains(.volumeNode) ? settings.volumeBackends : []
        return images.map {
            Place(folder: $0.folder, name: "image-stores/\($0.name)", linked: ["content", "keys"], copied: [])
        } + volumes.map { Place(folder: $0.folder, name: "volume-backends/\($0.name)", linked: [], copied: ["."]) }
    }

    /// Where guests' disks are.
    private var diskFolders: [String] {
        ([home] + elsewhere).flatMap { place in
            place.copied.map { $0 == "." ? "\(place.folder)/" : "\(place.folder)/\($0)/" }
        }
    }

    /// What a backup says of itself.
    private struct Label {
        /// Disks name the files they lie over with the whole path, so they are good in this folder only.
        let folder: String
        /// The same of volumes: each backend's folder.
        let backends: [String: String]

        init(_ settings: CloudSettings) {
            folder = settings.data.path
            let backends = settings.roles.contains(.volumeNode) ? settings.volumeBackends : []
            self.backends = Dictionary(backends.map { ($0.name, $0.folder) }) { first, _ in first }
        }

        init(_ json: JSON) throws(Failure) {
            guard let folder = json["folder"]?.string else { throw .invalid("A backup doesn't say what it is of.") }
            self.folder = folder
            let members = json["backends"]?.object?.members ?? []
            backends = Dictionary(members.map { ($0.name, $0.value.string ?? "") }) { first, _ in first }
        }

        var json: JSON {
            let members = backends.sorted { $0.key < $1.key }.map {
                JSON.Member(name: $0.key, value: .string($0.value))
            }
            return ["folder": JSON.string(folder), "backends": .object(JSON.Object(members))]
        }
    }

    private static let label = "backup.json"
    private static let rows = "database.jsonl"
    /// Earlier backups of SQLite have its file.
    private static let file = "martlet.db"

    /// The database goes with the keys that what is in it was sealed with.
    private var hasDatabase: Bool { settings.roles.contains(.api) }

    /// A copy of many disks takes as long as the disks need.
    private static let longest: Duration = .seconds(24 * 3_600)

    // MARK: There

    /// Keeps the state in a file: the database as it is at one moment, and whatever it names.
    ///
    /// Disks are copied while the guests stand still, all of them at once, so that what is kept is what a power failure
    /// would have left: for a moment where the file system shares what is copied (XFS, btrfs), else for as long as it takes.
    package func backup(to file: String, disks: Bool = true, _ progress: Progress) async throws(Failure) {
        guard Files.exists(settings.data.path) else { throw .notFound("cloud", settings.data.path) }
        let places = [home] + elsewhere.filter { Files.exists($0.folder) }
        defer { for place in places { try? Files.removeFolder(place.staging) } }
        for place in places { try DataDirectory.make(place.staging) }
        // Everything twice, before the database is kept and again afterwards, so that whatever it names is there.
        try await gather(places, disks: disks, progress)
        if hasDatabase {
            let rows = "\(home.staging)/\(Care.rows)"
            let count = try await withDatabase { database throws(Failure) in
                try await KeptRows.keep(database, in: rows)
            }
            progress("database \(count) rows")
            try await gather(places, disks: disks, { _ in })
        }
        try Files.write(Label(settings).json.text, to: "\(home.staging)/\(Care.label)")
        progress("writing  \(file)")
        let fresh = file + ".new"
        // Keys and passwords are in it: it is its owner's before there is anything in it.
        try Files.write("", to: fresh)
        let parts = places.flatMap { ["--directory", $0.staging, "."] }
        var tar = Program("tar", ["--create", "--sparse", "--file", fresh] + parts)
        tar.limit = Care.longest
        do throws(Failure) { try await tar.run(by: "backup") } catch {
            unlink(fresh)
            throw error
        }
        guard rename(fresh, file) == 0 else { throw Care.cannot("write", file) }
        progress("kept     \(file)")
    }

    /// Takes in what isn't there yet.
    private func gather(_ places: [Place], disks: Bool, _ progress: Progress) async throws(Failure) {
        for place in places {
            for name in place.linked where Files.exists("\(place.folder)/\(name)") {
                try await take("\(place.folder)/\(name)", as: "\(place.keep)/\(name)", ["--link"])
                progress("files    \(place.name.isEmpty ? name : "\(place.name)/\(name)")")
            }
        }
        // Lines are added to it, so a copy may end in the middle of one.
        let log = "audit.log"
        if Files.exists("\(home.folder)/\(log)") {
            try await take("\(home.folder)/\(log)", as: "\(home.keep)/\(log)", [])
        }
        guard disks else { return }
        var missing: [(from: String, to: String)] = []
        for place in places {
            for name in place.copied {
                let files = try FolderTree.files(in: place.folder, name)
                missing += files.map { (from: "\(place.folder)/\($0)", to: "\(place.keep)/\($0)") }
            }
        }
        missing.removeAll { Files.exists($0.to) }
        guard !missing.isEmpty else { return }
        let guests = try StandingStill(users: diskFolders)
        defer { guests.goOn() }
        if guests.count > 0 { progress("holding  \(guests.count) processes that have disks open") }
        for (number, disk) in missing.enumerated() {
            try await take(disk.from, as: disk.to, ["--reflink=auto", "--sparse=always"])
            progress("disk     \(number + 1) of \(missing.count): \(disk.from)")
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
        if isThere { try settings.data.take() }
        try refuseRunningGuests()
        let fresh = data + ".restoring"
        let places = elsewhere
        try Files.removeFolder(fresh)
        for place in places { try Files.removeFolder(place.fresh) }
        try DataDirectory.make(fresh)
        progress("reading  \(file)")
        do throws(Failure) {
            try await unpack(file, to: fresh, ["--exclude", "./image-stores", "--exclude", "./volume-backends"])
            try check(fresh, from: file)
            try await unpack(places, from: file, progress)
            progress("unpacked \(file)")
            try await fill(fresh, progress)
        } catch {
            try Files.removeFolder(fresh)
            for place in places { try Files.removeFolder(place.fresh) }
            throw error
        }
        let mark = "before-" + Timestamp.seconds.text(world.now).filter { $0.isNumber || $0 == "T" }
        for place in places { try swap(place, asidePut: mark + ".part", progress) }
        let aside = "\(data).\(mark)"
        if isThere, rename(data, aside) != 0 { throw Care.cannot("set aside", data) }
        guard rename(fresh, data) == 0 else { throw Care.cannot("put in place", data) }
        progress("restored \(data)")
        return isThere ? aside : nil
    }

    private func unpack(_ file: String, to folder: String, _ more: [String]) async throws(Failure) {
        var tar = Program("tar", ["--extract", "--file", file, "--directory", folder] + more)
        tar.limit = Care.longest
        try await tar.run(by: "restore")
    }

    /// Fills each store's folder with what was kept under its name. Every store in the backup needs one.
    private func unpack(_ places: [Place], from file: String, _ progress: Progress) async throws(Failure) {
        var list = Program("tar", "--list", "--file", file)
        list.limit = Care.longest
        let lines = try await list.run(by: "restore").text.split(separator: "\n")
        let kept = Set(
            lines.compactMap { line -> String? in
                let parts = line.split(separator: "/")
                guard parts.count > 2, ["image-stores", "volume-backends"].contains(parts[1]) else { return nil }
                return "\(parts[1])/\(parts[2])"
            })
        for name in kept.sorted() {
            guard let place = places.first(where: { $0.name == name }) else {
                let setting = name.hasPrefix("image") ? "image.stores" : "volume.backends"
                throw .invalid(
                    "\(file) has the store \(name.split(separator: "/")[1]), for which \(setting) names no folder here."
                )
            }
            try DataDirectory.make(place.fresh)
            try await unpack(file, to: place.fresh, ["--strip-components=3", "./\(name)"])
            progress("files    \(name)")
        }
    }

    /// What is in a store's folder goes aside, within it, since it may be a file system of its own.
    private func swap(_ place: Place, asidePut aside: String, _ progress: Progress) throws(Failure) {
        guard let names = try Files.names(in: place.fresh) else { return }
        let old = (try Files.names(in: place.folder) ?? []).filter { !$0.hasSuffix(".part") }
        if !old.isEmpty { try DataDirectory.make("\(place.folder)/\(aside)") }
        for name in old where rename("\(place.folder)/\(name)", "\(place.folder)/\(aside)/\(name)") != 0 {
            throw Care.cannot("set aside", "\(place.folder)/\(name)")
        }
        for name in names where rename("\(place.fresh)/\(name)", "\(place.folder)/\(name)") != 0 {
            throw Care.cannot("put in place", "\(place.folder)/\(name)")
        }
        try Files.removeFolder(place.fresh)
        progress("restored \(place.folder)")
    }

    /// The rows go into the database that the settings name, whatever engine they came from.
    private func fill(_ fresh: String, _ progress: Progress) async throws(Failure) {
        let rows = "\(fresh)/\(Care.rows)"
        guard Files.exists(rows) else { return }
        let address = settings.isDatabaseAFile ? "\(fresh)/\(Care.file)" : settings.databaseAddress
        try await Care.open(address) { database throws(Failure) in
            try await KeptRows.restore(database, from: rows, at: world.now)
        }
        unlink(rows)
        progress("database \(settings.isDatabaseAFile ? settings.data.database : "filled")")
    }

    private func check(_ folder: String, from file: String) throws(Failure) {
        let hasRows = Files.exists("\(folder)/\(Care.rows)")
        let hasFile = Files.exists("\(folder)/\(Care.file)")
        guard Files.exists("\(folder)/\(Care.label)") || hasFile else {
            throw .invalid("\(file) holds no cloud: there is no \(Care.label) in it.")
        }
        guard !hasFile || settings.isDatabaseAFile else {
            throw .invalid("\(file) is of an earlier version, and its database can only be a file again.")
        }
        guard hasDatabase || !hasRows else {
            throw .invalid("\(file) is of a process with the role api: restore it as one, or its database is lost.")
        }
        guard !hasDatabase || hasRows || hasFile else {
            throw .invalid("\(file) is of a process without a database: restore it with --roles, as what it was.")
        }
        guard Files.exists("\(folder)/\(Care.label)") else { return }
        let label = try Label(try JSONReader.read(try Files.read("\(folder)/\(Care.label)")))
        let hasDisks = try !FolderTree.files(in: folder, "servers").isEmpty
        guard label.folder == settings.data.path || !hasDisks else {
            throw .invalid(
                "The disks in \(file) name the folder that they were in: restore them there, with --data \(label.folder)."
            )
        }
        for (name, folder) in settings.volumeBackends {
            guard let before = label.backends[name], before != folder else { continue }
            throw .invalid("The volumes in \(file) are named as they were in \(before): restore \(name) there.")
        }
    }

    /// A guest that went on with disks that were set aside would be there twice as soon as the cloud starts it again.
    private func refuseRunningGuests() throws(Failure) {
        let users = try StandingStill.users(of: diskFolders)
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
