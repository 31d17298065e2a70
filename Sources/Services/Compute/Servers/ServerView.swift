import API
import Base
import Contracts
import Policy
import SQL

/// What a caller may see of servers, asked once for a whole list.
struct ServerView: Sendable {
    let version: Microversion
    let links: Links
    let showsHost: Bool
    let showsExtraSpecs: Bool
    /// How hosts are that aren't up, for who may know.
    let unwell: [String: String]

    /// What answers a change told less than what answers a question, until 2.75.
    let isPlain: Bool
    /// In a list, groups are not told.
    let isOfList: Bool
    /// A rebuild tells of user data in a place of its own.
    let isOfRebuild: Bool

    /// All that makes one view differ from another.
    struct Kind: Hashable {
        let version: Microversion
        let base: String
        let showsHost: Bool
        let showsExtraSpecs: Bool
        let unwell: [String: String]
    }

    var kind: Kind {
        Kind(
            version: version, base: links.base, showsHost: showsHost, showsExtraSpecs: showsExtraSpecs, unwell: unwell)
    }

    /// With the state of the servers' hosts, where it is shown.
    static func withHosts(_ call: Call<Compute>, ofList: Bool = false) async throws(Failure) -> ServerView {
        let view = ServerView(call, ofList: ofList)
        guard view.showsHost, view.version >= "2.16" else { return view }
        let (now, settings) = (call.service.world.now, call.service.settings)
        let unwell = try await call.service.database.read { try $0.unwellHosts(at: now, settings) }
        return ServerView(call, unwell: unwell, ofList: ofList)
    }

    init(
        _ call: Call<Compute>, unwell: [String: String] = [:], ofChange: Bool = false, ofRebuild: Bool = false,
        ofAddresses: Bool = false, ofList: Bool = false
    ) {
        self.unwell = unwell
        version = call.version
        isPlain = ofAddresses || (ofChange || ofRebuild) && call.version < "2.75"
        isOfRebuild = ofRebuild
        isOfList = ofList
        links = Links(call)
        showsHost = call.allows(.seeServerHost, of: call.ownTarget)
        showsExtraSpecs = call.allows(.seeServerFlavorSpecs, of: call.ownTarget)
    }

    func writeBrief(_ server: ServerName, to json: inout JSONWriter) {
        json.put("id", server.id)
        json.put("name", server.name)
        links.write(to: &json, "servers", server.id.text)
    }

    func write(_ server: Server, to json: inout JSONWriter) {
        json.put("id", server.id)
        json.put("name", server.name)
        json.put("status", server.status)
        json.put("tenant_id", server.project)
        json.put("user_id", server.user)
        json.put("metadata", .object(server.metadata))
        json.put("hostId", server.hostID)
        writeImage(server, to: &json)
        writeFlavor(server, to: &json)
        json.put("created", server.created, as: .seconds)
        json.put("updated", server.updated, as: .seconds)
        writeAddresses(server, to: &json)
        json.put("accessIPv4", server.accessV4)
        json.put("accessIPv6", IPAddress(server.accessV6)?.description ?? server.accessV6)
        links.write(to: &json, "servers", server.id.text)
        json.put("OS-DCF:diskConfig", server.particulars.diskConfig)
        if ["ACTIVE", "BUILD", "REBUILD", "RESIZE", "VERIFY_RESIZE", "MIGRATING"].contains(server.status) {
            json.put("progress", server.state == .building ? 0 : 100)
        }
        if !isPlain { writeMore(server, to: &json) }
        if let fault = server.fault, server.state == .error || server.state == .deleted { write(fault, to: &json) }
        writeNewer(server, to: &json)
    }

    // MARK: Parts

    private func writeMore(_ server: Server, to json: inout JSONWriter) {
        json.put("OS-EXT-AZ:availability_zone", server.host == nil ? "" : server.zone)
        json.put("config_drive", server.hasConfigDrive ? "True" : "")
        json.put("key_name", server.keyName)
        json.put("OS-SRV-USG:launched_at", server.launched, as: .bare)
        json.put("OS-SRV-USG:terminated_at", server.terminated, as: .bare)
        writeStates(server, to: &json)
        if showsHost { writeHost(server, to: &json) }
        if !server.securityGroups.isEmpty {
            json.array("security_groups", of: server.securityGroups) { name, json in
                json.object { $0.put("name", name) }
            }
        }
        writeVolumes(server, to: &json)
    }

    private func writeImage(_ server: Server, to json: inout JSONWriter) {
        guard let image = server.image else { return json.put("image", "") }
        json.object("image") {
            $0.put("id", image)
            links.writeBookmark(to: &$0, "images", image)
            if version >= "2.98" { $0.put("properties", .object(server.particulars.imageProperties)) }
        }
    }

    private func writeVolumes(_ server: Server, to json: inout JSONWriter) {
        let bonds = server.volumes.filter { $0.volume != nil }
        json.array("os-extended-volumes:volumes_attached", of: bonds) { bond, json in
            json.object {
                $0.put("id", bond.volume)
                if version >= "2.3" { $0.put("delete_on_termination", bond.isDeletedWithServer) }
            }
        }
    }

    private func writeFlavor(_ server: Server, to json: inout JSONWriter) {
        json.object("flavor") {
            if version >= "2.47" {
                server.flavor.writeEmbedded(to: &$0, showsExtraSpecs: showsExtraSpecs)
            } else {
                $0.put("id", server.flavor.id)
                links.writeBookmark(to: &$0, "flavors", server.flavor.id.text)
            }
        }
    }

    func writeAddresses(_ server: Server, to json: inout JSONWriter) {
        json.object("addresses") { json in
            for (name, interfaces) in server.interfacesByNetwork { write(name, interfaces, to: &json) }
        }
    }

    func write(_ name: String, _ interfaces: [Interface], to json: inout JSONWriter) {
        json.array(name) { json in
            for interface in interfaces {
                for address in interface.addresses {
                    json.object {
                        $0.put("version", address.address.contains(":") ? 6 : 4)
                        $0.put("addr", address.address)
                        guard !isPlain else { return }
                        $0.put("OS-EXT-IPS:type", address.isFloating ? "floating" : "fixed")
                        $0.put("OS-EXT-IPS-MAC:mac_addr", interface.mac)
                    }
                }
            }
        }
    }

    private func writeStates(_ server: Server, to json: inout JSONWriter) {
        json.put("OS-EXT-STS:task_state", server.task?.rawValue)
        json.put("OS-EXT-STS:vm_state", server.state.rawValue)
        json.put("OS-EXT-STS:power_state", server.power.rawValue)
    }

    private func writeHost(_ server: Server, to json: inout JSONWriter) {
        json.put("OS-EXT-SRV-ATTR:host", server.host)
        json.put("OS-EXT-SRV-ATTR:instance_name", server.instanceName)
        json.put("OS-EXT-SRV-ATTR:hypervisor_hostname", server.host)
        guard version >= "2.3" else { return }
        json.put("OS-EXT-SRV-ATTR:reservation_id", server.reservation)
        json.put("OS-EXT-SRV-ATTR:launch_index", server.launchIndex)
        if version < "2.90" { json.put("OS-EXT-SRV-ATTR:hostname", server.hostname) }
        json.put("OS-EXT-SRV-ATTR:kernel_id", "")
        json.put("OS-EXT-SRV-ATTR:ramdisk_id", "")
        json.put("OS-EXT-SRV-ATTR:root_device_name", "/dev/vda")
        if !isOfRebuild { json.put("OS-EXT-SRV-ATTR:user_data", server.userData) }
    }

    private func write(_ fault: Server.Fault, to json: inout JSONWriter) {
        json.object("fault") {
            $0.put("code", fault.code)
            $0.put("created", fault.created, as: .seconds)
            $0.put("message", fault.message)
        }
    }

    /// What microversions have added, in their order.
    private func writeNewer(_ server: Server, to json: inout JSONWriter) {
        if version >= "2.9" { json.put("locked", server.isLocked) }
        if version >= "2.16", showsHost, !isPlain {
            json.put("host_status", server.host.map { unwell[$0] ?? "UP" } ?? "")
        }
        if version >= "2.19" { json.put("description", server.description) }
        if version >= "2.26" { json.put("tags", server.tags) }
        if version >= "2.63" {
            json.put(
                "trusted_image_certificates", server.particulars.trustedCertificates.map { JSON($0) } ?? .null)
        }
        if version >= "2.71", !isOfList { json.put("server_groups", server.wishes.group.map { [$0.text] } ?? []) }
        if version >= "2.73" { json.put("locked_reason", server.lockedReason) }
        if version >= "2.90" { json.put("OS-EXT-SRV-ATTR:hostname", server.hostname) }
        if version >= "2.96" { json.put("pinned_availability_zone", server.particulars.pinnedZone) }
        if version >= "2.100" { json.put("scheduler_hints", .object(server.wishes.hints)) }
    }
}

extension Server {
    /// By the networks' names, in the order in which the interfaces were made.
    var interfacesByNetwork: [(name: String, interfaces: [Interface])] {
        var groups: [(name: String, interfaces: [Interface])] = []
        for interface in interfaces {
            if let place = groups.firstIndex(where: { $0.name == interface.networkName }) {
                groups[place].interfaces.append(interface)
            } else {
                groups.append((name: interface.networkName, interfaces: [interface]))
            }
        }
        return groups
    }
}

extension Rule {
    static let seeServerHost = Rule("os_compute_api:os-extended-server-attributes", "See a server's host", May.admin)
    static let seeServerFlavorSpecs = Rule(
        "os_compute_api:servers:show:flavor-extra-specs", "See the extra specs of a server's flavor", May.reader)
}
