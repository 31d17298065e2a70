package import Base

extension QEMUHypervisor: DiskHotplug {
    package func ensureAttached(_ disk: DiskSpec, to id: GuestID) async throws(Failure) {
        try await verb("attach a disk", id) { (guest, record, power) throws(Failure) in
            let drive = Drive(disk)
            if power != nil {
                try await visit(guest) { (qmp) throws(Failure) in
                    guard try await !has(qmp, Drive.deviceID(disk.id)) else { return }
                    if disk.bus == .scsi, try await !has(qmp, "scsi") {
                        try await qmp.execute("device_add", Drive.controller)
                    }
                    // An attempt that was cut off may have left the node.
                    try await ignoring("GenericError") { () throws(Failure) in
                        try await qmp.execute("blockdev-del", ["node-name": .string(Drive.nodeName(disk.id))])
                    }
                    try await qmp.execute("blockdev-add", drive.node)
                    try await qmp.execute("device_add", drive.device)
                }
            }
            var record = record
            record.spec.attach(disk)
            try guest.save(record)
        }
    }

    package func ensureDetached(disk: String, from id: GuestID) async throws(Failure) {
        guard try guestFolder(ifAny: id) != nil else { return }
        try await verb("detach a disk", id) { (guest, record, power) throws(Failure) in
            if power != nil {
                try await visit(guest) { (qmp) throws(Failure) in
                    try await unplug(qmp, Drive.deviceID(disk))
                    try await ignoring("GenericError") { () throws(Failure) in
                        try await qmp.execute("blockdev-del", ["node-name": .string(Drive.nodeName(disk))])
                    }
                }
            }
            var record = record
            record.spec.detach(disk: disk)
            try guest.save(record)
        }
    }

    package func ensureSize(ofDisk disk: String, _ bytes: Int64, in id: GuestID) async throws(Failure) {
        try await verb("resize a disk", id) { (guest, record, power) throws(Failure) in
            guard record.spec.disk(disk) != nil else { throw .notFound("disk", disk) }
            guard power != nil else { return }
            try await visit(guest) { (qmp) throws(Failure) in
                _ = try await qmp.execute(
                    "block_resize", ["node-name": .string(Drive.nodeName(disk)), "size": .integer(bytes)])
            }
        }
    }
}

extension QEMUHypervisor: NICHotplug {
    package func ensureAttached(_ nic: NICSpec, to id: GuestID) async throws(Failure) {
        try await verb("attach a network interface", id) { (guest, record, power) throws(Failure) in
            let plug = Plug(nic)
            if power != nil {
                try await visit(guest) { (qmp) throws(Failure) in
                    guard try await !has(qmp, Plug.deviceID(nic.id)) else { return }
                    if let end = plug.end {
                        try await removeEnd(qmp, nic.id)
                        try await qmp.execute("netdev_add", end)
                    }
                    try await qmp.execute("device_add", plug.device)
                }
            }
            var record = record
            record.spec.attach(nic)
            try guest.save(record)
        }
    }

    package func ensureDetached(nic: String, from id: GuestID) async throws(Failure) {
        guard try guestFolder(ifAny: id) != nil else { return }
        try await verb("detach a network interface", id) { (guest, record, power) throws(Failure) in
            if power != nil {
                try await visit(guest) { (qmp) throws(Failure) in
                    try await unplug(qmp, Plug.deviceID(nic))
                    try await removeEnd(qmp, nic)
                }
            }
            var record = record
            record.spec.detach(nic: nic)
            try guest.save(record)
        }
    }

    private func removeEnd(_ qmp: QMP, _ port: String) async throws(Failure) {
        try await ignoring("GenericError", "DeviceNotFound") { () throws(Failure) in
            try await qmp.execute("netdev_del", ["id": .string(Plug.endID(port))])
        }
    }
}

extension QEMUHypervisor {
    /// nil where nothing of the guest is.
    private func guestFolder(ifAny id: GuestID) throws(Failure) -> GuestFolder? {
        guard UUID(id.text) != nil else { return nil }
        let guest = try guestFolder(id)
        return Files.exists(guest.path) ? guest : nil
    }

    private func has(_ qmp: QMP, _ device: String) async throws(Failure) -> Bool {
        let devices = try await qmp.execute("qom-list", ["path": "/machine/peripheral"])
        return devices.array?.contains { $0["name"]?.string == device } ?? false
    }

    /// The guest has to let go of a device; one that doesn't (it is not up yet, or has no driver) keeps it.
    private func unplug(_ qmp: QMP, _ device: String) async throws(Failure) {
        guard try await has(qmp, device) else { return }
        // Asked before, perhaps, when the guest was not listening yet: that is refused, and waited for all the same.
        try await ignoring("GenericError") { () throws(Failure) in
            try await qmp.execute("device_del", ["id": .string(device)])
        }
        do throws(Failure) {
            _ = try await qmp.event { $0.name == "DEVICE_DELETED" && $0.data["device"]?.string == device }
        } catch {
            guard error.kind == .timedOut else { throw error }
            throw Failure(.timedOut, "The guest does not let go of the device.")
        }
    }

    private func ignoring(_ names: String..., body: () async throws(Failure) -> JSON) async throws(Failure) {
        do throws(Failure) { _ = try await body() } catch {
            guard let name = error.name, names.contains(name) else { throw error }
        }
    }
}
