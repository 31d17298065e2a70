import API
import Base
import Contracts
import Crypto

/// A machine that somebody asked for.
struct Server: Sendable {
    let id: ID<Server>
    let project: String
    let user: String
    var name: String
    var hostname: String
    var state: ServerState
    var task: ServerTask?
    var power: GuestState
    var host: String?
    var zone: String
    /// As it was when the server was made.
    var flavor: Flavor
    var image: String?
    let keyName: String?
    let publicKey: String?
    let userData: String?
    var metadata: JSON.Object
    let hasConfigDrive: Bool
    var description: String?
    var isLocked: Bool
    var lockedReason: String?
    var accessV4: String
    var accessV6: String
    /// What was asked for; what came of it stands in `interfaces`.
    var networks: [NetworkRequest]
    var interfaces: [Interface]
    var securityGroups: [String]
    var tags: [String]
    var fault: Fault?
    let reservation: String
    let launchIndex: Int
    let wishes: Wishes
    let created: Moment
    var updated: Moment
    var launched: Moment?
    var terminated: Moment?

    struct Fault: Sendable, Hashable {
        let code: Int
        let message: String
        let created: Moment
    }
}

/// What a server is, apart from what is being done with it.
enum ServerState: String, Sendable {
    case building, active, stopped, paused, suspended, error, deleted
    case rescued, resized, shelved
    case shelvedOffloaded = "shelved_offloaded"
    case softDeleted = "soft-delete"
}

/// What is being done with a server.
enum ServerTask: String, Sendable {
    case scheduling, networking, spawning, deleting, pausing, unpausing, suspending, resuming
    case blockDeviceMapping = "block_device_mapping"
    case poweringOn = "powering-on"
    case poweringOff = "powering-off"
    case rebooting = "rebooting"
    case rebootingHard = "rebooting_hard"
    case imageSnapshot = "image_snapshot"
}

extension Server {
    /// The word that clients know a server's state by.
    var status: String {
        switch (state, task) {
        case (.active, .rebooting), (.stopped, .rebooting): "REBOOT"
        case (.active, .rebootingHard), (.stopped, .rebootingHard), (.error, .rebootingHard): "HARD_REBOOT"
        case (.building, _): "BUILD"
        case (.active, _): "ACTIVE"
        case (.stopped, _): "SHUTOFF"
        case (.paused, _): "PAUSED"
        case (.suspended, _): "SUSPENDED"
        case (.error, _): "ERROR"
        case (.deleted, _): "DELETED"
        case (.rescued, _): "RESCUE"
        case (.resized, _): "VERIFY_RESIZE"
        case (.shelved, _): "SHELVED"
        case (.shelvedOffloaded, _): "SHELVED_OFFLOADED"
        case (.softDeleted, _): "SOFT_DELETED"
        }
    }

    /// The states behind a word, for lists that are narrowed by it.
    static func states(of status: String) -> [ServerState]? {
        switch status.uppercased() {
        case "BUILD": [.building]
        case "ACTIVE", "REBOOT", "HARD_REBOOT", "PASSWORD", "MIGRATING", "RESIZE", "REBUILD": [.active]
        case "SHUTOFF": [.stopped]
        case "PAUSED": [.paused]
        case "SUSPENDED": [.suspended]
        case "ERROR": [.error]
        case "DELETED": [.deleted]
        case "RESCUE": [.rescued]
        case "VERIFY_RESIZE": [.resized]
        case "SHELVED": [.shelved]
        case "SHELVED_OFFLOADED": [.shelvedOffloaded]
        case "SOFT_DELETED": [.softDeleted]
        default: nil
        }
    }

    /// Hides which host it is and still lets a project tell its servers' hosts apart.
    var hostID: String {
        guard let host else { return "" }
        return String(Digest.sha256.hex(project + host).prefix(56))
    }

    /// What hypervisors call it.
    var instanceName: String { "instance-" + id.text.prefix(8) }

    func attribute(_ name: String) -> String? {
        switch name {
        case "project_id", "tenant_id": project
        case "user_id": user
        default: nil
        }
    }

    /// For whoever is going to make it.
    var told: ServerDescription {
        var told = ServerDescription(
            server: id.text, name: name, hostname: hostname, user: user, project: project, vcpus: flavor.vcpus,
            memory: flavor.memory, rootDisk: flavor.disk, ephemeralDisk: flavor.ephemeral, swap: flavor.swap,
            image: image, networks: networks, securityGroups: securityGroups, zone: zone, keyName: keyName,
            publicKey: publicKey, userData: userData, metadata: .object(metadata), hasConfigDrive: hasConfigDrive)
        told.launchIndex = launchIndex
        told.reservation = reservation
        told.flavorName = flavor.name
        return told
    }
}

/// A network interface as a server's addresses show it.
struct Interface: JSONCoded, Hashable {
    struct Address: Hashable, Sendable {
        let address: String
        let isFloating: Bool
    }

    let port: String
    let network: String
    let networkName: String
    let mac: String
    var addresses: [Address]
    let tag: String?
    /// Made for the server, so it goes with it; one that the user brought stays.
    let isOurs: Bool

    init(_ json: JSON) throws(Failure) {
        port = try json.text("port")
        network = try json.text("network")
        networkName = try json.text("network_name")
        mac = try json.text("mac")
        addresses = try json.list("addresses") { address throws(Failure) in
            Address(address: try address.text("address"), isFloating: try address.flag("floating"))
        }
        tag = json["tag"]?.string
        isOurs = try json.flag("ours")
    }

    var json: JSON {
        [
            "port": .string(port), "network": .string(network), "network_name": .string(networkName),
            "mac": .string(mac), "tag": JSON(tag), "ours": .bool(isOurs),
            "addresses": .array(addresses.map { ["address": .string($0.address), "floating": .bool($0.isFloating)] }),
        ]
    }
}
