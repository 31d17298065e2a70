import Base
import CSystem
import Contracts
import Glibc
import IO
import Programs

/// A guest's own disks, held out to another host while the guest rests.
///
/// They are served as the files that they are, holes and all, by a process of QEMU's, encrypted with a key that only those
/// two hosts have. The process outlives this program and is found again; a guest that starts, or goes, ends it.
extension GuestsInFolders {
    package func lend(_ id: GuestID, at address: String) async throws(Failure) -> DiskLoan {
        try await turns.take(id) { () throws(Failure) in
            let guest = try guestFolder(id)
            guard let report = try await look(guest) else { throw .noGuest(id) }
            guard report.power == .stopped || report.power == .crashed else {
                throw .guest(id, is: report.power, soCannot: "carried elsewhere")
            }
            if let loan = try guest.loan() { return loan }
            return try await lend(guest, report.spec, at: address)
        }
    }

    package func endLoan(_ id: GuestID) async throws(Failure) {
        try await turns.take(id) { () throws(Failure) in try guestFolder(id).endLoan() }
    }

    package func borrow(_ loan: DiskLoan, for spec: GuestSpec) async throws(Failure) {
        let guest = try guestFolder(spec.id)
        // Not in the guest's turn: whoever looks at the node's guests doesn't wait for what may take an hour. The record
        // comes last; where there is one, everything is here, and until then nobody sees a guest.
        guard try guest.record() == nil else { return }
        try LocalFiles.make(guest.path)
        let lender = Lender(loan: loan, keys: guest.loanFolder)
        for name in loan.disks {
            guard let place = guest.disks(of: spec)[name] else { continue }
            let fresh = place + ".new"
            try await lender.fetch(name, to: fresh, by: "compute-node")
            if name == GuestFolder.rootName, case .image(let base, let format, _) = spec.root {
                // Here the image may lie somewhere else.
                let words = ["rebase", "-u", "-f", "qcow2", "-b", base, "-F", format.driver, fresh]
                try await Program("qemu-img", words).run(by: "compute-node")
            }
            try LocalFiles.move(fresh, to: place)
        }
        try LocalFiles.removeAll(guest.loanFolder)
        try guest.save(GuestFolder.Record(spec: spec, decided: .stopped))
    }

    private func lend(_ guest: GuestFolder, _ spec: GuestSpec, at address: String) async throws(Failure) -> DiskLoan {
        try guest.endLoan()
        try LocalFiles.make(guest.loanFolder)
        let key = UUID(SystemChance()).hex + UUID(SystemChance()).hex
        try Lender.write(key, in: guest.loanFolder)
        var places = guest.disks(of: spec).filter { Files.exists($0.value) }
        if case .image(let path, _, _) = spec.root { places[DiskLoan.image] = path }
        let names = places.keys.sorted()
        var complaint = ""
        // Another may take the port in between.
        for _ in 1...5 {
            let port = try LocalFiles.freePort()
            var words = [
                "--daemonize", "--pidfile", guest.loanProcess, "--object",
                "tls-creds-psk,id=key,endpoint=server,dir=" + Machine.escaped(guest.loanFolder),
                "--nbd-server", "addr.type=inet,addr.host=0.0.0.0,addr.port=\(port),tls-creds=key",
            ]
            for (number, name) in names.enumerated() {
                let node: JSON = [
                    "driver": "file", "node-name": .string("disk\(number)"), "read-only": true,
                    "filename": .string(places[name] ?? ""),
                ]
                words += ["--blockdev", node.text, "--export"]
                words.append("type=nbd,id=way\(number),node-name=disk\(number),name=\(name),writable=off")
            }
            let outcome = try await Program("qemu-storage-daemon", words).outcome(by: "compute-node")
            guard outcome.status == 0 else {
                complaint = outcome.complaint
                continue
            }
            let loan = DiskLoan(host: address, port: port, key: key, disks: names, guest: spec.json)
            try Files.write(loan.json.text, to: guest.loanNote)
            return loan
        }
        throw .unavailable("The disks of \(guest.id) cannot be held out: \(complaint)")
    }
}

/// Whoever holds disks out, seen by the one who fetches them.
struct Lender {
    let loan: DiskLoan
    /// A folder for the key while something is fetched.
    let keys: String

    static func write(_ key: String, in folder: String) throws(Failure) {
        try Files.write("qemu:\(key)\n", to: folder + "/keys.psk")
    }

    /// One of the files, under another name. What came half before is fetched anew.
    func fetch(_ name: String, to path: String, by actor: String) async throws(Failure) {
        try LocalFiles.removeAll(path)
        try LocalFiles.make(keys)
        try Lender.write(loan.key, in: keys)
        var copy = Program(
            "qemu-img", "convert", "-O", "raw", "--object",
            "tls-creds-psk,id=key,endpoint=client,dir=" + Machine.escaped(keys), "--image-opts",
            "driver=nbd,server.type=inet,server.host=\(loan.host),server.port=\(loan.port),export=\(name),tls-creds=key",
            path)
        copy.limit = GuestDisks.longestCopy
        try await copy.run(by: actor)
    }
}

extension GuestFolder {
    static let rootName = "root"

    /// What belongs to a loan: the key, the process that serves it, and what was said of it.
    var loanFolder: String { path + "/loan" }
    var loanProcess: String { loanFolder + "/pid" }
    var loanNote: String { loanFolder + "/loan.json" }

    /// The guest's own disks by the names under which they travel.
    func disks(of spec: GuestSpec) -> [String: String] {
        var disks: [String: String] = [:]
        if case .image = spec.root { disks[GuestFolder.rootName] = root }
        for index in spec.ephemeralGB.indices { disks["ephemeral\(index)"] = ephemeral(index) }
        if spec.swapMB > 0 { disks["swap"] = swap }
        return disks
    }

    /// The loan that goes on, if any does.
    func loan() throws(Failure) -> DiskLoan? {
        guard Files.exists(loanNote), try GuestProcess.all(with: "--pidfile", loanProcess).isEmpty == false else {
            return nil
        }
        return try DiskLoan(JSONReader.read(Files.read(loanNote)))
    }

    /// It only reads, so nothing is lost when it is cut off.
    func endLoan() throws(Failure) {
        guard Files.exists(loanFolder) else { return }
        for process in try GuestProcess.all(with: "--pidfile", loanProcess) { process.kill() }
        try LocalFiles.removeAll(loanFolder)
    }
}
