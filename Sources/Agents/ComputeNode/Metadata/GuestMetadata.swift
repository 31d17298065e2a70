import API
import Base
import Bus
import Contracts
import Crypto

/// What a guest may know of itself: the same words on its config drive and at the metadata service.
struct GuestMetadata: Sendable {
    let server: ServerDescription
    let ports: [JSON]
    let networks: [JSON]
    let subnets: [JSON]
    /// Addresses outside that stand for the guest's own.
    let floating: [String]
    let seed: [UInt8]

    /// The releases of the format. A document is the same in all of those that have it.
    private static let releases = [
        "2012-08-10", "2013-04-04", "2013-10-17", "2015-10-15", "2016-06-30", "2016-10-06", "2017-02-22", "2018-08-27",
        "2020-10-14", "2025-04-04", "latest",
    ]
    private static let oldReleases = ["1.0", "2007-01-19", "2009-04-04", "latest"]

    private var userData: [UInt8]? {
        server.userData.flatMap { Base64.standard.lenientlyPadded.bytes($0.filter { !$0.isWhitespace }) }
    }

    // MARK: Whole trees

    /// As the disc has it.
    var disc: [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        // What the guest tells of itself comes after its disc.
        let documents = documents.filter { $0.name != GuestMetadata.password }
        for release in GuestMetadata.releases {
            for document in documents where document.isIn(release) {
                files["openstack/\(release)/\(document.name)"] = document.bytes
            }
        }
        files["ec2/latest/meta-data.json"] = Array(old.text.utf8)
        if let userData { files["ec2/latest/user-data"] = userData }
        return files
    }

    /// As the service has it: each file's text, or its bytes in base 64 where they are none.
    var service: JSON {
        var files = JSON.Object()
        let put = { (files: inout JSON.Object, name: String, bytes: [UInt8]) in
            let text = String(validating: bytes, as: UTF8.self)
            let value: JSON = text.map { .string($0) } ?? ["base64": .string(Base64.standard.text(bytes))]
            files.members.append(JSON.Member(name: name, value: value))
        }
        let documents = documents
        for release in GuestMetadata.releases {
            for document in documents where document.isIn(release) {
                put(&files, "openstack/\(release)/\(document.name)", document.bytes)
            }
        }
        for release in GuestMetadata.oldReleases {
            if let userData { put(&files, "\(release)/user-data", userData) }
            for (name, text) in oldFiles { put(&files, "\(release)/meta-data/\(name)", Array(text.utf8)) }
        }
        return .object(files)
    }

    private struct Document {
        let name: String
        let since: String
        let bytes: [UInt8]

        /// The latest release stands behind every date, in letters too.
        func isIn(_ release: String) -> Bool { since <= release }
    }

    private static let password = "password"

    private var documents: [Document] {
        var documents: [Document] = []
        let add = { (name: String, since: String, bytes: [UInt8]) in
            documents.append(Document(name: name, since: since, bytes: bytes))
        }
        add("meta_data.json", "2012-08-10", Array(about.text.utf8))
        if let userData { add("user_data", "2012-08-10", userData) }
        add(GuestMetadata.password, "2013-04-04", Array(server.password.utf8))
        add("vendor_data.json", "2013-10-17", Array("{}".utf8))
        add("network_data.json", "2015-10-15", Array(network.text.utf8))
        add("vendor_data2.json", "2016-10-06", Array("{}".utf8))
        return documents
    }

    // MARK: Documents

    private var about: JSON {
        var about = JSON.Object()
        about["uuid"] = .string(server.server)
        about["name"] = .string(server.name)
        about["hostname"] = .string(server.hostname)
        about["launch_index"] = JSON(server.launchIndex)
        about["availability_zone"] = .string(server.zone)
        about["project_id"] = .string(server.project)
        if let members = server.metadata.object?.members, !members.isEmpty { about["meta"] = server.metadata }
        if let key = server.publicKey, let name = server.keyName {
            about["public_keys"] = .object(JSON.Object([.init(name: name, value: .string(key))]))
            about["keys"] = [["name": .string(name), "type": "ssh", "data": .string(key)]]
        }
        about["random_seed"] = .string(Base64.standard.text(seed))
        about["devices"] = []
        return .object(about)
    }

    /// How the guest is to set up its interfaces where it doesn't ask for addresses.
    private var network: JSON {
        var links: [JSON] = []
        var addresses: [JSON] = []
        var services: [JSON] = []
        for port in ports {
            let id = port["id"]?.string ?? ""
            let link = "tap" + id.prefix(11)
            let network = networks.first { $0["id"] == port["network_id"] }
            links.append([
                "id": .string(link), "vif_id": .string(id), "type": port["binding:vif_type"] ?? "bridge",
                "mtu": network?["mtu"] ?? .null, "ethernet_mac_address": port["mac_address"] ?? .null,
            ])
            for fixed in port["fixed_ips"]?.array ?? [] {
                guard let subnet = subnets.first(where: { $0["id"] == fixed["subnet_id"] }) else { continue }
                let known = address(fixed, subnet, link, number: addresses.count)
                addresses.append(known)
                for server in known["services"]?.array ?? [] where !services.contains(server) {
                    services.append(server)
                }
            }
        }
        return ["links": .array(links), "networks": .array(addresses), "services": .array(services)]
    }

    private func address(_ fixed: JSON, _ subnet: JSON, _ link: String, number: Int) -> JSON {
        let isSixth = subnet["ip_version"] == 6
        let family = isSixth ? "ipv6" : "ipv4"
        var network = JSON.Object()
        network["id"] = .string("network\(number)")
        network["link"] = .string(link)
        network["network_id"] = subnet["network_id"] ?? .null
        if subnet["enable_dhcp"] == true {
            let mode = subnet["ipv6_address_mode"]?.string
            network["type"] = .string(isSixth ? mode.map { "ipv6_" + $0 } ?? "ipv6_dhcp" : "ipv4_dhcp")
            return .object(network)
        }
        let cidr = subnet["cidr"]?.string.flatMap { IPNetwork($0) }
        network["type"] = .string(family)
        network["ip_address"] = fixed["ip_address"] ?? .null
        network["netmask"] = .string(cidr.map(GuestMetadata.mask) ?? "")
        var routes: [JSON] = (subnet["host_routes"]?.array ?? []).compactMap { route in
            guard let destination = route["destination"]?.string.flatMap({ IPNetwork($0) }) else { return nil }
            return [
                "network": .string(destination.first.description), "netmask": .string(GuestMetadata.mask(destination)),
                "gateway": route["nexthop"] ?? .null,
            ]
        }
        if let gateway = subnet["gateway_ip"], !gateway.isNull {
            let everywhere: JSON = isSixth ? "::" : "0.0.0.0"
            routes.append(["network": everywhere, "netmask": everywhere, "gateway": gateway])
        }
        network["routes"] = .array(routes)
        network["services"] = .array(
            (subnet["dns_nameservers"]?.array ?? []).map { ["type": "dns", "address": $0] })
        return .object(network)
    }

    private static func mask(_ network: IPNetwork) -> String {
        let bits = network.family.bits
        let ones = network.prefix == 0 ? UInt128(0) : UInt128.max << UInt128(bits - network.prefix)
        let width: UInt128 = bits == 128 ? .max : (1 << UInt128(bits)) - 1
        return IPAddress(network.family, ones & width).description
    }

    // MARK: The format of old

    private var oldID: String { "i-" + server.server.prefix(8) }

    private var localAddress: String {
        let all = ports.flatMap { $0["fixed_ips"]?.array ?? [] }.compactMap { $0["ip_address"]?.string }
        return all.first { !$0.contains(":") } ?? all.first ?? ""
    }

    private var oldFiles: [(name: String, text: String)] {
        var files: [(name: String, text: String)] = [
            ("ami-id", server.image.map { "ami-" + $0.prefix(8) } ?? "None"),
            ("ami-launch-index", String(server.launchIndex)), ("ami-manifest-path", "FIXME"),
            ("block-device-mapping/ami", "vda"), ("block-device-mapping/root", "/dev/vda"),
            ("hostname", server.hostname), ("instance-action", "none"), ("instance-id", oldID),
            ("instance-type", server.flavorName), ("local-hostname", server.hostname), ("local-ipv4", localAddress),
            ("placement/availability-zone", server.zone), ("public-hostname", server.hostname),
            ("public-ipv4", floating.first ?? ""), ("reservation-id", server.reservation),
            ("security-groups", server.securityGroups.joined(separator: "\n")),
        ]
        if let key = server.publicKey, let name = server.keyName {
            files.append(("public-keys", "0=" + name))
            files.append(("public-keys/0/openssh-key", key))
        }
        return files
    }

    /// The same as one document.
    private var old: JSON {
        var object = JSON.Object()
        for (name, text) in oldFiles where !name.contains("/") && name != "public-keys" {
            object[name] = .string(text)
        }
        object["placement"] = ["availability-zone": .string(server.zone)]
        object["block-device-mapping"] = ["ami": "vda", "root": "/dev/vda"]
        if let key = server.publicKey, let name = server.keyName {
            object["public-keys"] = ["0": ["_name": .string("0=" + name), "openssh-key": .string(key)]]
        }
        return .object(object)
    }
}

extension ComputeNode {
    func metadata(_ server: String) async throws(Failure) -> JSON {
        let wanted = try await bus.call(
            ComputeMessages.describe, ServerReference(server: server, host: host), deadline: .seconds(20))
        return try await guestMetadata(wanted, tokens.serviceToken()).service
    }

    private func guestMetadata(_ server: ServerDescription, _ token: String) async throws(Failure) -> GuestMetadata {
        let network = ports.service
        let ask = { (path: String, member: String) async throws(Failure) -> [JSON] in
            try await network.ask("GET", path, token: token).json[member]?.array ?? []
        }
        let own = try await ask("/v2.0/ports?device_id=\(server.server)", "ports")
        let ids = Set(own.compactMap { $0["network_id"]?.string }).sorted()
        var networks: [JSON] = []
        var subnets: [JSON] = []
        if !ids.isEmpty {
            networks = try await ask("/v2.0/networks?" + ids.map { "id=\($0)" }.joined(separator: "&"), "networks")
            subnets = try await ask(
                "/v2.0/subnets?" + ids.map { "network_id=\($0)" }.joined(separator: "&"), "subnets")
        }
        let plugs = own.compactMap { $0["id"]?.string }.map { "port_id=\($0)" }
        let floating =
            plugs.isEmpty
            ? [] : try await ask("/v2.0/floatingips?" + plugs.joined(separator: "&"), "floatingips")
        return GuestMetadata(
            server: server, ports: own, networks: networks, subnets: subnets,
            floating: floating.compactMap { $0["floating_ip_address"]?.string }, seed: world.chance.bytes(64))
    }

    /// The disc for a server that is to have one. Guests that only exist in memory read none.
    func configDrive(_ server: ServerDescription, _ token: String) async throws(Failure) -> String? {
        guard server.hasConfigDrive, !(hypervisor is SimulatedHypervisor) else { return nil }
        let metadata = try await guestMetadata(server, token)
        return try await ConfigDrive.build(metadata.disc, at: "\(images.folder)/\(server.server).iso")
    }
}
