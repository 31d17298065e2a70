import API
import Base
import SQL

/// How ports are made, changed and taken away.
extension PortRows {
    static func create(_ draft: inout Document, _ desk: Desk) throws(Failure) {
        let network = try desk.home(.network, draft.text("network_id") ?? "")
        let mac = try macAddress(draft, network.id, desk)
        let owner = draft.text("device_owner") ?? ""
        draft["mac_address"] = .string(mac.description)
        draft.fill("dns_name", "")
        draft.fill("dns_domain", "")
        draft.fill("port_security_enabled", isSystem(owner) ? false : network["port_security_enabled"] ?? true)
        draft["allowed_address_pairs"] = .array(try pairs(draft, mac))
        draft["extra_dhcp_opts"] = .array(options(draft.objects("extra_dhcp_opts"), on: []))
        let groups = try securityGroups(draft, desk)
        let wishes = draft
        try PrivateVLAN.place(&draft, wishes, before: nil, on: network)
        let allocation = try Allocation(desk, network: network.id, mac: mac, owner: owner)
        let addresses =
            draft.has("fixed_ips") ? try allocation.wished(draft.objects("fixed_ips")) : try allocation.whatever()
        try QoSRows.check(draft, nil, desk)
        draft.fill("binding:host_id", "")
        try bind(&draft, network, desk)
        do throws(Failure) { try desk.insert(.port, draft) } catch  where error.kind == .conflict {
            throw macIsTaken(mac, network.id)
        }
        try give(addresses, to: draft.id, on: network.id, desk)
        try desk.setGroups(groups, of: draft.id)
    }

    private static func isSystem(_ owner: String) -> Bool { owner.hasPrefix("network:") }

    private static func give(
        _ addresses: [FixedIP], to port: String, on network: String, _ desk: Desk
    ) throws(Failure) {
        for (place, address) in addresses.enumerated() {
            try desk.give(address, to: port, on: network, place: place)
        }
    }

    // MARK: Hardware addresses

    private static func macAddress(_ draft: Document, _ network: String, _ desk: Desk) throws(Failure) -> MACAddress {
        if let given = draft.text("mac_address").flatMap({ MACAddress($0) }) { return given }
        for _ in 0..<16 {
            let mac = MACAddress(0xFA16_3E00_0000 | desk.service.world.chance.next() & 0xFF_FFFF)
            let taken: SQL = "network_id = \(network) AND mac_address = \(mac.description)"
            if try !desk.tx.exists("SELECT 1 FROM network_port WHERE \(taken)") { return mac }
        }
        throw Failure(
            .unavailable, "Unable to generate unique mac on network \(network).", name: "MacAddressGenerationFailure")
    }

    private static func macIsTaken(_ mac: MACAddress, _ network: String) -> Failure {
        .clash(
            "MacAddressInUse",
            "Unable to complete operation for network \(network). The mac address \(mac) is in use.")
    }

    // MARK: Lists

    /// Addresses that the port may also speak for; its own hardware's where none is named.
    private static func pairs(_ port: Document, _ mac: MACAddress) throws(Failure) -> [JSON] {
        var pairs: [JSON] = []
        for pair in port.objects("allowed_address_pairs") {
            let hardware = pair.text("mac_address").flatMap { MACAddress($0) } ?? mac
            let address = pair.text("ip_address") ?? ""
            let spelled: JSON = ["ip_address": .string(address), "mac_address": .string(hardware.description)]
            guard !pairs.contains(spelled) else {
                throw .wrong(
                    "DuplicateAddressPairInRequest",
                    "Request contains duplicate address pair: mac_address \(hardware) ip_address \(address).")
            }
            pairs.append(spelled)
        }
        guard pairs.isEmpty || port.flag("port_security_enabled") else {
            throw .clash(
                "AddressPairAndPortSecurityRequired",
                "Port Security must be enabled in order to have allowed address pairs on a port.")
        }
        return pairs
    }

    /// An option replaces the one of its name; without a value it takes it away.
    private static func options(_ wishes: [JSON.Object], on before: [JSON.Object]) -> [JSON] {
        var options = before
        for wish in wishes {
            let version = wish.integer("ip_version") ?? 4
            options.removeAll { $0.text("opt_name") == wish.text("opt_name") && $0.integer("ip_version") == version }
            guard let value = wish.text("opt_value") else { continue }
            var option = JSON.Object()
            option["opt_name"] = wish["opt_name"]
            option["opt_value"] = .string(value)
            option["ip_version"] = .number(version)
            options.append(option)
        }
        return options.map { .object($0) }
    }

    /// What is filtered is in the project's default group, unless somebody says otherwise.
    private static func securityGroups(_ port: Document, _ desk: Desk) throws(Failure) -> [String] {
        let isFiltered = port.flag("port_security_enabled")
        guard port.has("security_groups") else {
            guard isFiltered, !isSystem(port.text("device_owner") ?? ""), !port.project.isEmpty else { return [] }
            return [try desk.ensureDefaultGroup(of: port.project)]
        }
        let groups = port.texts("security_groups")
        guard groups.isEmpty || isFiltered else {
            throw .wrong(
                "PortSecurityAndIPRequiredForSecurityGroups",
                "Port security must be enabled and port must have an IP address in order to use security groups.")
        }
        let kinds = try groups.map { group throws(Failure) in
            try desk.visible(.securityGroup, group).flag("stateful")
        }
        guard Set(kinds).count <= 1 else {
            throw .clash(
                "SecurityGroupConflict",
                "Error A port can't have stateful and stateless security groups while attempting the operation.")
        }
        return groups.sorted()
    }

    // MARK: Binding

    /// Finds out how the port is plugged in on its host. Without a host it isn't.
    private static func bind(_ port: inout Document, _ network: Document, _ desk: Desk) throws(Failure) {
        let host = port.text("binding:host_id") ?? ""
        guard !host.isEmpty else { return set(&port, "unbound", [:], "DOWN") }
        let question = PortToBind(
            id: port.id, network: network.id, networkType: network.text("provider:network_type") ?? "", host: host,
            vnicType: port.text("binding:vnic_type") ?? "normal", isFiltered: port.flag("port_security_enabled"))
        for driver in desk.service.settings.drivers {
            guard let binding = driver.bind(question) else { continue }
            let details = JSON.object(
                JSON.Object(
                    binding.details.sorted { $0.key < $1.key }.map { JSON.Member(name: $0.key, value: $0.value) }))
            return set(&port, binding.interface, details, port.flag("admin_state_up") ? binding.status : "DOWN")
        }
        set(&port, "binding_failed", [:], "DOWN")
    }

    private static func set(_ port: inout Document, _ type: String, _ details: JSON, _ status: String) {
        port["binding:vif_type"] = .string(type)
        port["binding:vif_details"] = details
        port["status"] = .string(status)
    }

    // MARK: Changes

    static func update(_ changes: inout Document, _ before: Document, _ desk: Desk) throws(Failure) {
        let network = try desk.get(.network, before.text("network_id") ?? "")
        // To wish for none is to wish for another.
        if changes["mac_address"] == .null {
            changes["mac_address"] = .string(try macAddress(changes, network.id, desk).description)
        }
        var after = before.merging(changes)
        let mac = after.text("mac_address").flatMap { MACAddress($0) } ?? MACAddress(0)
        if let wish = changes["mac_address"], wish != before["mac_address"], before.text("binding:host_id") != "" {
            throw .clash(
                "PortBound",
                "Unable to complete operation on port \(before.id), port is already bound, port type: \(before.text("binding:vif_type") ?? ""), old_mac \(before.text("mac_address") ?? ""), new_mac \(mac)."
            )
        }
        if changes.has("allowed_address_pairs") || changes.has("port_security_enabled") {
            changes["allowed_address_pairs"] = .array(try pairs(after, mac))
        }
        if changes.has("extra_dhcp_opts") {
            changes["extra_dhcp_opts"] = .array(
                options(changes.objects("extra_dhcp_opts"), on: before.objects("extra_dhcp_opts")))
        }
        if changes.has("security_groups") || changes.has("port_security_enabled") {
            try changeGroups(changes, after, desk)
        }
        if ["pvlan_type", "pvlan_community", "port_security_enabled"].contains(where: { changes.has($0) }) {
            try PrivateVLAN.place(&changes, after, before: before, on: network)
        }
        try QoSRows.check(changes, before, desk)
        if changes.has("fixed_ips") {
            try move(before, after, mac, desk)
            try desk.noteNews(of: [before.id])
        }
        if ["binding:host_id", "binding:vnic_type", "admin_state_up"].contains(where: { changes.has($0) }) {
            try bind(&after, network, desk)
            for name in ["binding:vif_type", "binding:vif_details", "status"] { changes[name] = after[name] }
        }
        do throws(Failure) { try desk.change(.port, before.id, changes) } catch  where error.kind == .conflict {
            throw macIsTaken(mac, network.id)
        }
    }

    private static func changeGroups(_ changes: Document, _ after: Document, _ desk: Desk) throws(Failure) {
        guard after.flag("port_security_enabled") || after.texts("security_groups").isEmpty else {
            throw .clash(
                "PortSecurityPortHasSecurityGroup",
                "Port has security group associated. Cannot disable port security or IP address until security group is removed."
            )
        }
        if changes.has("security_groups") { try desk.setGroups(try securityGroups(after, desk), of: after.id) }
    }

    /// Gives the port the addresses that it is to have, keeping those that it keeps.
    private static func move(
        _ before: Document, _ after: Document, _ mac: MACAddress, _ desk: Desk
    ) throws(Failure) {
        let network = before.text("network_id") ?? ""
        let current = try desk.addresses(of: [before.id])[before.id] ?? []
        let allocation = try Allocation(
            desk, network: network, mac: mac, owner: after.text("device_owner") ?? "", current: current)
        let wished = try allocation.wished(after.objects("fixed_ips"))
        let lost = current.filter { !wished.contains($0) }
        try desk.requireNoFloatingIPs(on: lost, of: before.id)
        try desk.take(lost, from: before.id)
        for (place, address) in wished.enumerated() where !current.contains(address) {
            try desk.give(address, to: before.id, on: network, place: place)
        }
    }

    // MARK: The end

    static func delete(_ port: Document, _ desk: Desk) throws(Failure) {
        let owner = port.text("device_owner") ?? ""
        if DeviceOwner.madeByCalls.contains(owner), try !desk.isOrphan(port) {
            throw .clash(
                "ServicePortInUse",
                "Port \(port.id) cannot be deleted directly via the port API: has device owner \(owner).")
        }
        try desk.requireNoTrunk(on: port.id)
        try desk.noteNews(of: [port.id])
        try desk.releaseFloatingIPs(of: port.id)
        try desk.releaseForwardings(to: port.id)
        try desk.releaseProxies(of: port.id)
        try desk.removePort(port.id)
    }
}

extension Desk {
    func setGroups(_ groups: [String], of port: String) throws(Failure) {
        try tx.run("DELETE FROM network_port_group WHERE port_id = \(port)")
        for group in groups { try tx.insert(into: "network_port_group", ["port_id": port, "group_id": group]) }
    }

    /// The port and all that hangs on it, without asking.
    func removePort(_ id: String) throws(Failure) {
        try tx.run("DELETE FROM network_address WHERE port_id = \(id)")
        try tx.run("DELETE FROM network_port_group WHERE port_id = \(id)")
        try removeLogs(about: id)
        try removeTaps(of: id)
        try remove(.port, id)
    }

    /// Whether the router or floating IP that it was made for is gone.
    fileprivate func isOrphan(_ port: Document) throws(Failure) -> Bool {
        let device = port.text("device_id") ?? ""
        let isFloating = port.text("device_owner") == DeviceOwner.floatingIP
        let table: StaticString = isFloating ? "network_floatingip" : "network_router"
        return try !tx.exists("SELECT 1 FROM \(SQL.raw(table)) WHERE id = \(device)")
    }
}
