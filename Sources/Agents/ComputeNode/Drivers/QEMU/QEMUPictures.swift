package import Base
import Programs

extension QEMUHypervisor: Snapshotting {
    package func snapshot(_ id: GuestID, to path: String, format: DiskFormat) async throws(Failure) {
        try await verb("snapshot the disk", id) { (guest, record, power) throws(Failure) in
            guard case .image = record.spec.root else {
                throw .invalid("A guest's volume is snapshot where volumes are, not on the node.")
            }
            let fresh = path + ".new"
            try LocalFiles.remove(fresh)
            do throws(Failure) {
                if power == nil {
                    var copy = Program("qemu-img", "convert", "-q", "-O", format.driver, guest.root, fresh)
                    copy.limit = GuestDisks.longestCopy
                    try await copy.run(by: actor)
                } else {
                    try await copyLive(guest, to: fresh, format)
                }
                try LocalFiles.move(fresh, to: path)
            } catch {
                try LocalFiles.remove(fresh)
                throw error
            }
        }
    }

    /// A copying that was begun by one who didn't live to see its end goes on: it is given up for a new one.
    private func dropCopy(_ qmp: QMP) async throws(Failure) {
        let jobs = try await qmp.execute("query-block-jobs").array ?? []
        if jobs.contains(where: { $0["device"] == "copy" }) {
            try await qmp.execute("block-job-cancel", ["device": "copy", "force": true])
            let ends: Set<String> = ["BLOCK_JOB_CANCELLED", "BLOCK_JOB_COMPLETED"]
            _ = try await qmp.event { ends.contains($0.name) && $0.data["device"] == "copy" }
        }
        let nodes = try await qmp.execute("query-named-block-nodes", ["flat": true]).array ?? []
        guard nodes.contains(where: { $0["node-name"] == "copy" }) else { return }
        try await qmp.execute("blockdev-del", ["node-name": "copy"])
    }

    /// The disk as it is at the moment when the copying begins: what the guest writes from then on, it writes after the old
    /// has been put in safety.
    private func copyLive(_ guest: GuestFolder, to path: String, _ format: DiskFormat) async throws(Failure) {
        try await visit(guest, within: GuestDisks.longestCopy) { (qmp) throws(Failure) in
            try await dropCopy(qmp)
            let nodes = try await qmp.execute("query-named-block-nodes", ["flat": true]).array
            guard let size = nodes?.first(where: { $0["node-name"] == "root" })?["image"]?["virtual-size"]?.integer
            else {
                throw .bug("The guest \(guest.id) has no root disk.")
            }
            try await Program("qemu-img", "create", "-q", "-f", format.driver, path, String(size)).run(by: actor)
            try await qmp.execute("blockdev-add", Drive.node("copy", path: path, format: format, isReadOnly: false))
            let problem: String?
            do throws(Failure) {
                try await qmp.execute(
                    "blockdev-backup", ["job-id": "copy", "device": "root", "target": "copy", "sync": "full"])
                let end = try await qmp.event { $0.name == "BLOCK_JOB_COMPLETED" && $0.data["device"] == "copy" }
                problem = end == nil ? "it has ended" : end?.data["error"]?.string
            } catch { problem = error.message }
            try await qmp.execute("blockdev-del", ["node-name": "copy"])
            if let problem { throw .unavailable("The guest's disk could not be copied: \(problem).") }
        }
    }
}
