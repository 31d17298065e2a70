/// What a guest has, by the ids of volumes and ports. Attaching what is attached replaces it.
extension GuestSpec {
    mutating func attach(_ disk: DiskSpec) {
        guard let place = disks.firstIndex(where: { $0.id == disk.id }) else { return disks.append(disk) }
        disks[place] = disk
    }

    mutating func detach(disk id: String) { disks.removeAll { $0.id == id } }

    mutating func attach(_ nic: NICSpec) {
        guard let place = nics.firstIndex(where: { $0.id == nic.id }) else { return nics.append(nic) }
        nics[place] = nic
    }

    mutating func detach(nic id: String) { nics.removeAll { $0.id == id } }

    /// A volume of the guest's, its root among them.
    func disk(_ id: String) -> DiskSpec? {
        if case .volume(let root) = root, root.id == id { return root }
        return disks.first { $0.id == id }
    }
}
