package import Base
import CLibvirt
import Glibc
import Programs

extension LibvirtHypervisor: Snapshotting {
    package func snapshot(_ id: GuestID, to path: String, format: DiskFormat) async throws(Failure) {
        try await verb("snapshot the disk", id) { (guest, record, sight) throws(Failure) in
            guard case .image = record.spec.root else {
                throw .invalid("A guest's volume is snapshot where volumes are, not on the node.")
            }
            let (fresh, live) = (path + ".new", path + ".live")
            try LocalFiles.remove(fresh)
            try LocalFiles.remove(live)
            do throws(Failure) {
                if sight.hasProcess {
                    try await copyLive(guest, to: live)
                    try await convert(live, to: fresh, format)
                } else {
                    try await convert(guest.root, to: fresh, format)
                }
                try LocalFiles.remove(live)
                try LocalFiles.move(fresh, to: path)
            } catch {
                try LocalFiles.remove(live)
                try LocalFiles.remove(fresh)
                throw error
            }
        }
    }

    private func convert(_ disk: String, to path: String, _ format: DiskFormat) async throws(Failure) {
        if format == .qcow2, disk.hasSuffix(".live") { return try LocalFiles.move(disk, to: path) }
        var copy = Program("qemu-img", "convert", "-q", "-O", format.driver, disk, path)
        copy.limit = GuestDisks.longestCopy
        try await copy.run(by: actor)
    }

    /// The disk as it is at the moment when the copying begins: what the guest writes from then on, it writes after the old
    /// has been put in safety.
    private func copyLive(_ guest: GuestFolder, to path: String) async throws(Failure) {
        // One that was cut off goes on with nobody to wait for it.
        if try await job(of: guest) == .running {
            try await order(guest) { (guest) throws(Failure) in
                try Connection.check(virDomainAbortJob(guest), "goes on copying the guest's disk")
            }
            _ = try await awaitCopy(of: guest, until: world.now + LibvirtHypervisor.patience)
        }
        try await order(guest) { (guest) throws(Failure) in
            let device = "vda"
            let copy = XML(
                "domainbackup", ["mode": "push"],
                [
                    XML(
                        "disks",
                        [
                            XML(
                                "disk", ["name": device, "backup": "yes", "type": "file"],
                                [XML("target", ["file": path]), XML("driver", ["type": "qcow2"])])
                        ])
                ])
            try Connection.check(virDomainBackupBegin(guest, copy.text, nil, 0), "cannot copy the guest's disk")
        }
        guard try await awaitCopy(of: guest, until: world.now + GuestDisks.longestCopy) == .done else {
            throw .unavailable("The guest's disk could not be copied.")
        }
    }

    private func job(of guest: GuestFolder) async throws(Failure) -> CopyJob {
        let id = guest.id
        return try await node.ask { (node) throws(Failure) in
            try node.guest(id) { (guest) throws(Failure) in try CopyJob(guest) } ?? .failed
        }
    }

    /// What became of it. What takes too long is given up, and so is what nobody waits for any more.
    private func awaitCopy(of guest: GuestFolder, until limit: Moment) async throws(Failure) -> CopyJob {
        while true {
            let job = try await job(of: guest)
            guard job == .running else { return job }
            do throws(CancellationError) {
                guard world.now < limit else { throw CancellationError() }
                try await world.clock.sleep(for: .milliseconds(100))
            } catch {
                try await order(guest) { (guest) throws(Failure) in
                    try Connection.check(virDomainAbortJob(guest), "goes on copying the guest's disk")
                }
                throw Failure(.timedOut, "Copying the guest's disk took too long.")
            }
        }
    }
}

/// How far a guest's copying is.
private enum CopyJob: Sendable {
    case running, done, failed

    init(_ guest: OpaquePointer) throws(Failure) {
        switch UInt32(try CopyJob.type(guest, 0)) {
        case VIR_DOMAIN_JOB_NONE.rawValue:
            let last = try? CopyJob.type(guest, UInt32(VIR_DOMAIN_JOB_STATS_COMPLETED.rawValue))
            self = last.map(UInt32.init) == VIR_DOMAIN_JOB_COMPLETED.rawValue ? .done : .failed
        default: self = .running
        }
    }

    private static func type(_ guest: OpaquePointer, _ flags: UInt32) throws(Failure) -> Int32 {
        var type: Int32 = 0
        var values: virTypedParameterPtr?
        var count: Int32 = 0
        try Connection.check(
            virDomainGetJobStats(guest, &type, &values, &count, flags), "does not tell how far its copying is")
        virTypedParamsFree(values, count)
        return type
    }
}
