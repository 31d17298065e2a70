import Base
import CSystem
import Glibc
import IO

/// What guests have said on their serial ports, each in a file in its folder, to which its hypervisor appends for ever.
struct ConsoleLogs: Sendable {
    /// Where the guests' folders are.
    let folder: String

    /// What a guest says is kept to this length or twice of it.
    private static let longest: Int64 = 1 << 20

    /// Now and then the beginning is given back to the file system, while everything keeps its place in the file, so that
    /// nothing is lost that is being written just then.
    func trim(_ world: World) async {
        while !Task.isCancelled {
            for name in (try? LocalFiles.names(in: folder)) ?? [] where UUID(name) != nil {
                ConsoleLogs.trim(GuestFolder(id: GuestID(name), path: folder + "/" + name).consoleLog)
            }
            do { try await world.clock.sleep(for: .seconds(10)) } catch { return }
        }
    }

    static func trim(_ path: String) {
        let file = open(path, O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0, Int64(status.st_blocks) * 512 > 2 * longest else { return }
        let excess = (Int64(status.st_size) - longest) & ~4_095
        // Where the file system cannot do that, all of it goes.
        if system_give_back(file, 0, off_t(excess)) != 0 { ftruncate(file, 0) }
    }

    /// The last bytes of it.
    static func tail(_ guest: GuestFolder, _ bytes: Int) throws(Failure) -> [UInt8] {
        guard Files.exists(guest.path) else { throw .noGuest(guest.id) }
        guard Files.exists(guest.consoleLog) else { return [] }
        let file = try FileSlice(path: guest.consoleLog)
        let tail = try file.read(max(0, file.length - bytes)..<file.length)
        // What has been given back to the file system reads as zeroes.
        return Array(tail.drop { $0 == 0 })
    }
}
