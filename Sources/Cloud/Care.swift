import AMQP
package import Base
import Crypto
import Glibc
import HTTP
import IO
import Identity
import Programs
import SQL
import Workflow

/// What an operator does with a cloud from beside it, running or not.
package struct Care: Sendable {
    package typealias Progress = @Sendable (String) -> Void

    let settings: CloudSettings
    let world = World()

    package init(_ settings: CloudSettings) { self.settings = settings }

    var auditPath: String { settings.data.auditLog }

    func withDatabase<Value>(
        _ body: (Database) async throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        let address = settings.databaseAddress
        if !address.contains("://"), !Files.exists(address) { throw .notFound("cloud", settings.data.path) }
        return try await Care.open(address, body)
    }

    /// Opens a database for as long as `body` takes.
    static func open<Value>(
        _ address: String, _ body: (Database) async throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        let database = try Database(Database.Location(address))
        let result: Result<Value, Failure>
        do throws(Failure) { result = .success(try await body(database)) } catch { result = .failure(error) }
        await database.close()
        return try result.get()
    }
}

// MARK: Status

extension Care {
    package struct Finding: Sendable {
        package let what: String
        package let place: String
        package let state: String
        package let isGood: Bool
    }

    package func status() async throws(Failure) -> [Finding] {
        var findings: [Finding] = []
        guard !settings.roles.isAll || Files.exists(settings.data.path + "/clouds.yaml") else {
            throw .notFound("cloud", settings.data.path)
        }
        let holder = settings.data.holder
        findings.append(
            Finding(what: "process", place: settings.data.path, state: holder ?? "not running", isGood: holder != nil))
        let loops = Loops()
        findings += await shared(loops)
        // The running cloud may have been told whom to trust when nobody told us.
        let told = Files.exists(settings.data.path + "/clouds.yaml") ? try ClientFiles(settings).authority() : nil
        let client = HTTPClient(on: loops, trust: try TLSTrust(authorities: settings.authority ?? told))
        guard settings.roles.contains(.api) else {
            let url = (settings.gatewayAddress ?? "") + "/healthcheck"
            let state = await Care.ask(url, client)
            findings.append(Finding(what: "APIs", place: url, state: state ?? "answer", isGood: state == nil))
            await loops.stop()
            return findings
        }
        let base = try ClientFiles(settings).address()
        for entry in Cloud.listed {
            let url = base + "/" + entry.service + entry.path + (entry.path.isEmpty ? "/" : "")
            let state = await Care.ask(url, client)
            findings.append(Finding(what: entry.type, place: url, state: state ?? "answers", isGood: state == nil))
        }
        await loops.stop()
        return findings
    }

    /// What several processes share, as far as this one is told of it: the database and the broker.
    private func shared(_ loops: Loops) async -> [Finding] {
        var findings: [Finding] = []
        if !settings.isDatabaseAFile, settings.roles.haveDatabase {
            let state: String?
            do throws(Failure) {
                try await withDatabase { database throws(Failure) in
                    try await database.read { _ = try $0.exists("SELECT 1") }
                }
                state = nil
            } catch { state = error.message }
            let place = (try? MySQLAddress(url: settings.databaseAddress))?.place ?? ""
            findings.append(
                Finding(what: "database", place: place, state: state ?? "answers", isGood: state == nil))
        }
        if let bus = settings.bus {
            do throws(Failure) {
                let address = try AMQPAddress(bus)
                findings.append(await Care.broker(address, loops))
            } catch {
                findings.append(Finding(what: "broker", place: "", state: error.message, isGood: false))
            }
        }
        return findings
    }

    private static func broker(_ address: AMQPAddress, _ loops: Loops) async -> Finding {
        let place = address.description
        do throws(Failure) {
            let trust = address.isEncrypted ? try TLSTrust(authorities: address.authorities) : nil
            let connection = try await AMQPConnection.open(
                address, on: loops, name: "martlet status", trust: trust, by: .after(.seconds(5)))
            let (product, version) = (await connection.product, await connection.version)
            // It is let go of without a word: there was none to say.
            return Finding(what: "broker", place: place, state: "answers: \(product) \(version)", isGood: true)
        } catch {
            return Finding(what: "broker", place: place, state: error.message, isGood: false)
        }
    }

    /// What is wrong; nil when it answers.
    private static func ask(_ url: String, _ client: HTTPClient) async -> String? {
        do {
            let url = try HTTPURL(url)
            let request = HTTPRequest("GET", url.target, headers: ["Host": url.origin.host])
            let reply = try await client.send(request, to: url.origin, by: .after(.seconds(5)))
            _ = try await reply.body.collect(limit: 1 << 20)
            // Who isn't known is refused: that is an answer too.
            return reply.status < 500 ? nil : "answers with \(reply.status)"
        } catch {
            return Failure(error).message
        }
    }
}

// MARK: This machine

extension Care {
    package struct Diagnosis: Sendable {
        package let what: String
        package let state: String
        package let remedy: String
    }

    package func diagnosis() async throws(Failure) -> [Diagnosis] {
        let programs: [(name: String, purpose: String, package: String)] = [
            ("qemu-system-x86_64", "runs guests", "qemu-system-x86"),
            ("qemu-img", "makes and converts disks", "qemu-utils"),
            ("qemu-nbd", "shows volumes to guests", "qemu-utils"),
            ("qemu-storage-daemon", "lends disks to other hosts", "qemu-system-x86"),
            ("mkfs.ext4", "makes ephemeral disks", "e2fsprogs"),
            ("genisoimage", "makes config drives", "genisoimage"),
            ("ip", "makes networks of a host", "iproute2"),
            ("nft", "filters packets", "nftables"),
            ("dnsmasq", "answers guests' DHCP", "dnsmasq-base"),
            ("nsenter", "goes into networks", "util-linux"),
            ("tar", "makes backups", "tar"),
        ]
        var found = programs.map { program in
            let isThere = Care.path(of: program.name) != nil
            return Diagnosis(
                what: "\(program.name), which \(program.purpose)", state: isThere ? "there" : "missing",
                remedy: isThere ? "" : "apt-get install \(program.package)")
        }
        let hasLibvirt = Files.exists("/usr/sbin/libvirtd")
        found.append(
            Diagnosis(
                what: "libvirtd, which shows guests to virsh (--hypervisor libvirt)",
                state: hasLibvirt ? "there" : "missing",
                remedy: hasLibvirt || settings.hypervisor != .libvirt
                    ? "" : "apt-get install libvirt-daemon libvirt-daemon-driver-qemu libvirt-clients"))
        found.append(Care.kvm())
        let hasPages = Files.exists("/usr/share/novnc/vnc_lite.html")
        found.append(
            Diagnosis(
                what: "noVNC, which shows guests' screens in browsers", state: hasPages ? "there" : "missing",
                remedy: hasPages ? "" : "apt-get install novnc"))
        let hasImage = settings.firstImage != nil
        found.append(
            Diagnosis(
                what: "an image that a new cloud begins with", state: hasImage ? "there" : "missing",
                remedy: hasImage ? "" : "Guest/make-guest makes one, in the folder of the sources"))
        found.append(
            Diagnosis(
                what: "the rights to make networks", state: geteuid() == 0 ? "there" : "missing",
                remedy: geteuid() == 0 ? "" : "run as root, or go on with simulated networks"))
        found.append(room())
        let loops = Loops()
        found += await shared(loops).map { finding in
            Diagnosis(
                what: "the \(finding.what) at \(finding.place)", state: finding.isGood ? "there" : "missing",
                remedy: finding.isGood ? "" : "see that it runs and lets this machine in: \(finding.state)")
        }
        await loops.stop()
        return found
    }

    /// What keeps it from us has different remedies.
    private static func kvm() -> Diagnosis {
        let what = "/dev/kvm, which makes guests fast"
        guard access("/dev/kvm", R_OK | W_OK) != 0 else { return Diagnosis(what: what, state: "there", remedy: "") }
        guard Files.exists("/dev/kvm") else {
            return Diagnosis(
                what: what, state: "missing",
                remedy:
                    "switch virtualisation on in the firmware, or nested virtualisation in the host of this machine, "
                    + "then modprobe kvm_intel or kvm_amd; guests are emulated until then")
        }
        return Diagnosis(
            what: what, state: "closed",
            remedy: "usermod -aG kvm USER as root, then log in again; guests are emulated until then")
    }

    private func room() -> Diagnosis {
        var facts = statvfs()
        // The folder that there will be is on the disk of the nearest that there is.
        var place = settings.data.path
        while !Files.exists(place), let slash = place.lastIndex(of: "/") { place = String(place[..<slash]) }
        if place.isEmpty { place = "/" }
        guard statvfs(place, &facts) == 0 else {
            return Diagnosis(what: "room on the disk", state: "unknown", remedy: "")
        }
        let gigabytes = Int(facts.f_bavail) * Int(facts.f_frsize) / (1 << 30)
        return Diagnosis(
            what: "room on the disk of \(place)", state: "\(gigabytes) GiB",
            remedy: gigabytes < 10 ? "images and disks want more: free some, or choose another folder with --data" : "")
    }

    private static func path(of program: String) -> String? {
        let path = getenv("PATH").map { String(cString: $0) } ?? ""
        let folders = path.split(separator: ":").map(String.init) + ["/usr/sbin", "/sbin"]
        return folders.map { $0 + "/" + program }.first { access($0, X_OK) == 0 }
    }
}

// MARK: Long work

extension Care {
    package struct Work: Sendable {
        package let id: String
        package let workflow: String
        package let subject: String
        package let state: String
        package let step: String
        package let since: String
        package let failure: String
    }

    package func workflows(all: Bool) async throws(Failure) -> [Work] {
        let runs = try await withDatabase { database throws(Failure) in
            try await database.read { tx throws(Failure) -> [Run] in
                try tx.rows(
                    """
                    SELECT * FROM workflow_run WHERE \(all ? "1 = 1" : "direction IN ('forward', 'undoing', 'stuck')")
                    ORDER BY started_at DESC LIMIT 1000
                    """)
            }
        }
        return runs.map { run in
            Work(
                id: run.id.text, workflow: run.workflow, subject: run.subject, state: run.direction.rawValue,
                step: run.step, since: Timestamp.seconds.text(run.stepStarted), failure: run.failure ?? "")
        }
    }
}

// MARK: The database

extension Care {
    package func migrate(_ progress: @escaping Progress) async throws(Failure) {
        let now = world.now
        try await Care.open(settings.databaseAddress) { database throws(Failure) in
            try await Cloud.migrate(database, at: now, progress)
        }
    }

    package func migrations() async throws(Failure) -> [(service: String, done: Int, missing: Int)] {
        let applied = try await withDatabase { database throws(Failure) in try await database.appliedMigrations() }
        return Cloud.histories.map { history in
            let done = applied.filter { $0.service == history.service && $0.appliedAt != nil }.count
            return (service: history.service, done: done, missing: history.migrations.count - done)
        }
    }

    /// The staged keys, which running processes know already, become the ones that seal, and what is stored is sealed
    /// with them.
    package func rotateKeys(_ progress: Progress) async throws(Failure) -> Int {
        let folders = [settings.data.tokenKeys, settings.data.credentialKeys]
        for folder in folders {
            guard Files.exists(folder) else { throw .notFound("cloud", settings.data.path) }
            try KeyRepository(path: folder).rotate(chance: world.chance)
            progress("rotated  \(folder)")
        }
        let keys = try KeyRing(KeyRepository(path: settings.data.credentialKeys))
        let world = world
        return try await withDatabase { database throws(Failure) in
            try await Identity.reseal(in: database, with: keys, world: world)
        }
    }
}
