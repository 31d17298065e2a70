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
    var keyName: String?
    var publicKey: String?
    var userData: String?
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
    var volumes: [ServerVolume] = []
    var particulars = Particulars()

    struct Fault: Sendable, Hashable {
        let code: Int
        let message: String
        let created: Moment
    }
}

/// What a server is, apart from what is being done with it.
enum ServerState: String, Sendable, CaseIterable {
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
    case imagePendingUpload = "image_pending_upload"
    case imageUploading = "image_uploading"
    case imageBackup = "image_backup"
    case updatingPassword = "updating_password"
    case rebuilding
    case rebuildSpawning = "rebuild_spawning"
    case rescuing, unrescuing
    case resizePrep = "resize_prep"
    case resizeMigrating = "resize_migrating"
    case resizeMigrated = "resize_migrated"
    case resizeFinish = "resize_finish"
    case resizeReverting = "resize_reverting"
    case resizeConfirming = "resize_confirming"
    case migrating
    case shelving
    case shelvingOffloading = "shelving_offloading"
    case unshelving
    case softDeleting = "soft-deleting"
    case restoring
}

extension Server {
    /// The word that clients know a server's state by.
    var status: String {
        if let task, let word = Server.statusWhileBusy[task], word.states.contains(state) { return word.status }
        return Server.statusAtRest[state] ?? "UNKNOWN"
    }

    private static let statusAtRest: [ServerState: String] = [
        .building: "BUILD", .active: "ACTIVE", .stopped: "SHUTOFF", .paused: "PAUSED", .suspended: "SUSPENDED",
        .error: "ERROR", .deleted: "DELETED", .rescued: "RESCUE", .resized: "VERIFY_RESIZE", .shelved: "SHELVED",
        .shelvedOffloaded: "SHELVED_OFFLOADED", .softDeleted: "SOFT_DELETED",
    ]

    /// What is being done shows only where the state alone would be misread.
    private static let statusWhileBusy: [ServerTask: (status: String, states: Set<ServerState>)] = [
        .rebooting: ("REBOOT", [.active, .stopped]), .rebootingHard: ("HARD_REBOOT", [.active, .stopped, .error]),
        .updatingPassword: ("PASSWORD", [.active]), .rebuilding: ("REBUILD", [.active, .stopped, .error]),
        .rebuildSpawning: ("REBUILD", [.active, .stopped, .error]),
        .migrating: ("MIGRATING", [.active, .paused]), .resizePrep: ("RESIZE", [.active, .stopped]),
        .resizeMigrating: ("RESIZE", [.active, .stopped]), .resizeMigrated: ("RESIZE", [.active, .stopped]),
        .resizeFinish: ("RESIZE", [.active, .stopped]), .resizeReverting: ("REVERT_RESIZE", [.resized]),
    ]

    /// The states behind a word, for lists that are narrowed by it.
    static func states(of status: String) -> [ServerState]? {
        let word = status.uppercased()
        if let state = statusAtRest.first(where: { $0.value == word })?.key { return [state] }
        return statusWhileBusy.values.first { $0.status == word }.map { $0.states.sorted { $0.rawValue < $1.rawValue } }
    }

    /// The tasks behind a word that tells of one.
    static func tasks(of status: String) -> [ServerTask] {
        statusWhileBusy.filter { $0.value.status == status.uppercased() }.map(\.key).sorted {
            $0.rawValue < $1.rawValue
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
            image: particulars.shelvedImage ?? image, networks: networks, securityGroups: securityGroups, zone: zone,
            keyName: keyName, publicKey: publicKey, userData: userData, metadata: .object(metadata),
            hasConfigDrive: hasConfigDrive, volumes: volumes.compactMap(\.told))
        told.launchIndex = launchIndex
        told.reservation = reservation
        told.flavorName = flavor.name
        told.password = particulars.password
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
