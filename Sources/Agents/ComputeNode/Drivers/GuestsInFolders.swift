import Base

/// What drivers share that keep each guest in a folder of its own: who is there, and where one is reached.
protocol GuestsInFolders: ConsoleLogging, SerialConsoles, RemoteScreens, Rescuing, DiskCarrying, DiskKeeping {
    var folder: String { get }
    var turns: Turns { get }

    /// The guest as it is now, in its turn; nil: nothing of it is here.
    func look(_ guest: GuestFolder) async throws(Failure) -> GuestReport?
}

extension GuestsInFolders {
    package func list() async throws(Failure) -> [GuestReport] {
        var reports: [GuestReport] = []
        for name in try LocalFiles.names(in: folder).sorted() where UUID(name) != nil {
            if let report = try await describe(GuestID(name)) { reports.append(report) }
        }
        return reports
    }

    package func describe(_ id: GuestID) async throws(Failure) -> GuestReport? {
        try await turns.take(id) { () throws(Failure) in try await look(try guestFolder(id)) }
    }

    package func consoleLog(_ id: GuestID, last bytes: Int) async throws(Failure) -> [UInt8] {
        try ConsoleLogs.tail(guestFolder(id), bytes)
    }

    package func consoleSocket(_ id: GuestID) async throws(Failure) -> String {
        try await socket(id, "reached at its console") { $0.console }
    }

    package func vncSocket(_ id: GuestID) async throws(Failure) -> String {
        try await socket(id, "seen") { $0.screen }
    }

    package func rootDisk(of id: GuestID) async throws(Failure) -> DiskSpec { try guestFolder(id).rootDisk() }

    package func settle(_ id: GuestID) async throws(Failure) {
        try await turns.take(id) { () throws(Failure) in
            let guest = try guestFolder(id)
            // While the guest runs its disk is its hypervisor's.
            if try guest.record() != nil { try Files.write("", to: guest.settled) }
        }
    }

    func guestFolder(_ id: GuestID) throws(Failure) -> GuestFolder {
        guard UUID(id.text) != nil else { throw .notFound("guest", id.text) }
        return GuestFolder(id: id, path: folder + "/" + id.text)
    }

    private func socket(
        _ id: GuestID, _ verb: String, _ path: (GuestFolder) -> String
    ) async throws(Failure) -> String {
        let guest = try guestFolder(id)
        guard let report = try await describe(id) else { throw .noGuest(id) }
        guard report.power == .running || report.power == .paused else {
            throw .guest(id, is: report.power, soCannot: verb)
        }
        return path(guest)
    }
}
