package import Base
import CLibvirt
import Glibc

extension LibvirtHypervisor: DiskHotplug {
    package func ensureAttached(_ disk: DiskSpec, to id: GuestID) async throws(Failure) {
        try Domain.check(disk)
        try await verb("attach a disk", id) { (guest, record, sight) throws(Failure) in
            if sight.hasProcess {
                try await order(guest) { (guest) throws(Failure) in
                    let devices = try Devices(of: guest)
                    guard devices.disk(disk.id) == nil else { return }
                    if disk.bus == .scsi, !devices.hasSCSI { try Devices.attach(Domain.controller, to: guest) }
                    var names = DiskNames(takenIn: devices.disks)
                    try Devices.attach(Domain.disk(disk, as: names.next(disk.bus)), to: guest)
                }
            }
            try await change(guest, record, sight) { $0.attach(disk) }
        }
    }

    package func ensureDetached(disk: String, from id: GuestID) async throws(Failure) {
        guard try guestFolder(ifAny: id) != nil else { return }
        try await verb("detach a disk", id) { (guest, record, sight) throws(Failure) in
            if sight.hasProcess { try await unplug(Domain.alias(disk: disk), from: guest) }
            try await change(guest, record, sight) { $0.detach(disk: disk) }
        }
    }

    package func ensureSize(ofDisk disk: String, _ bytes: Int64, in id: GuestID) async throws(Failure) {
        try await verb("resize a disk", id) { (guest, record, sight) throws(Failure) in
            guard record.spec.disk(disk) != nil else { throw .notFound("disk", disk) }
            guard sight.hasProcess else { return }
            try await order(guest) { (guest) throws(Failure) in
                guard let name = try Devices(of: guest).disk(disk)?.child("target")?["dev"] else {
                    throw .notFound("disk", disk)
                }
                let inBytes = UInt32(VIR_DOMAIN_BLOCK_RESIZE_BYTES.rawValue)
                try Connection.check(
                    virDomainBlockResize(guest, name, UInt64(bytes), inBytes), "cannot resize the disk")
            }
        }
    }
}

extension LibvirtHypervisor: NICHotplug {
    package func ensureAttached(_ nic: NICSpec, to id: GuestID) async throws(Failure) {
        try await verb("attach a network interface", id) { (guest, record, sight) throws(Failure) in
            if sight.hasProcess {
                try await order(guest) { (guest) throws(Failure) in
                    guard try !Devices(of: guest).has(Domain.alias(nic: nic.id)) else { return }
                    try Devices.attach(Domain.nic(nic), to: guest)
                }
            }
            try await change(guest, record, sight) { $0.attach(nic) }
        }
    }

    package func ensureDetached(nic: String, from id: GuestID) async throws(Failure) {
        guard try guestFolder(ifAny: id) != nil else { return }
        try await verb("detach a network interface", id) { (guest, record, sight) throws(Failure) in
            if sight.hasProcess { try await unplug(Domain.alias(nic: nic), from: guest) }
            try await change(guest, record, sight) { $0.detach(nic: nic) }
        }
    }
}

extension LibvirtHypervisor {
    /// nil where nothing of the guest is.
    private func guestFolder(ifAny id: GuestID) throws(Failure) -> GuestFolder? {
        guard UUID(id.text) != nil else { return nil }
        let guest = try guestFolder(id)
        return Files.exists(guest.path) ? guest : nil
    }

    /// Changes what the guest is to be from its next start on. What was saved with its memory stays as it was saved.
    private func change(
        _ guest: GuestFolder, _ record: GuestFolder.Record, _ sight: Sight, _ body: (inout GuestSpec) -> Void
    ) async throws(Failure) {
        var record = record
        body(&record.spec)
        try guest.save(record)
        if sight != .suspended { try await define(guest, record.spec) }
    }

    /// The guest has to let go of a device; one that doesn't (it is not up yet, or has no driver) keeps it.
    private func unplug(_ alias: String, from guest: GuestFolder) async throws(Failure) {
        let limit = world.now + LibvirtHypervisor.patience
        var isAsked = false
        while true {
            let asks = !isAsked
            let id = guest.id
            let isGone = try await node.ask { (node) throws(Failure) in
                try node.guest(id) { (guest) throws(Failure) in
                    guard try Devices(of: guest).has(alias) else { return true }
                    if asks { try Devices.detach(alias, from: guest) }
                    return false
                } ?? true
            }
            if isGone { return }
            isAsked = true
            guard world.now < limit else { throw Failure(.timedOut, "The guest does not let go of the device.") }
            do { try await world.clock.sleep(for: .milliseconds(100)) } catch { throw Failure(error) }
        }
    }
}

/// What a running guest has, as libvirt tells it.
private struct Devices {
    private let all: [XML]

    init(of guest: OpaquePointer) throws(Failure) {
        guard let text = virDomainGetXMLDesc(guest, 0) else { throw Connection.failure("does not describe the guest") }
        defer { free(text) }
        all = try XML(reading: String(cString: text)).child("devices")?.children ?? []
    }

    var disks: [XML] { all.filter { $0.name == "disk" } }

    var hasSCSI: Bool { all.contains { $0.name == "controller" && $0["type"] == "scsi" } }

    func has(_ alias: String) -> Bool { all.contains { $0.child("alias")?["name"] == alias } }

    func disk(_ id: String) -> XML? { disks.first { $0.child("alias")?["name"] == Domain.alias(disk: id) } }

    static func attach(_ device: XML, to guest: OpaquePointer) throws(Failure) {
        try Connection.check(
            virDomainAttachDeviceFlags(guest, device.text, UInt32(VIR_DOMAIN_AFFECT_LIVE.rawValue)),
            "cannot attach the \(device.name)")
    }

    /// Asked before, perhaps, when the guest was not listening yet: that is refused, and waited for all the same.
    static func detach(_ alias: String, from guest: OpaquePointer) throws(Failure) {
        let result = virDomainDetachDeviceAlias(guest, alias, UInt32(VIR_DOMAIN_AFFECT_LIVE.rawValue))
        guard result < 0 else { return }
        let awaited = [VIR_ERR_OPERATION_FAILED, VIR_ERR_INTERNAL_ERROR, VIR_ERR_DEVICE_MISSING]
        guard awaited.contains(where: { Int32($0.rawValue) == virGetLastErrorCode() }) else {
            throw Connection.failure("cannot detach the device")
        }
    }
}
