package import Base
package import Bus

/// What the roles of compute say to one another.
package enum ComputeMessages {
    // To the scheduler.
    package static let choose = Message<HostRequest, HostChoice>(topic: "scheduler", name: "choose a host")

    // To the conductor, which alone has the database.
    package static let describe = Message<ServerReference, ServerDescription>(
        topic: "conductor", name: "describe the server")
    package static let built = Message<BuildReport, Nothing>(topic: "conductor", name: "say that the server is built")
    /// The same, to all conductors: the one that waits for it is among them.
    package static let builtSomewhere = Message<BuildReport, Nothing>(
        topic: "conductor", name: "say that a server is built")
    package static let heartbeat = Message<NodeReport, Nothing>(topic: "conductor", name: "report the node")
    /// A guest may tell it once, until its user clears it: who comes later is told of a conflict.
    package static let keepPassword = Message<GuestPassword, Nothing>(
        topic: "conductor", name: "keep the guest's password")

    // To a compute node.
    package static let build = Message<ServerReference, Nothing>(topic: "compute-node", name: "build the server")
    package static let remove = Message<ServerReference, Nothing>(topic: "compute-node", name: "remove the server")
    package static let power = Message<PowerOrder, GuestState>(topic: "compute-node", name: "switch the server")
    package static let metadata = Message<ServerReference, JSON>(
        topic: "compute-node", name: "say what the server's metadata is")
    package static let cacheImage = Message<ImageReference, Nothing>(
        topic: "compute-node", name: "have the image ready")
    package static let console = Message<ConsoleRequest, JSON>(topic: "compute-node", name: "read the console")
    /// Somebody saw a guest where none should be.
    package static let tidy = Message<ServerReference, Nothing>(
        topic: "compute-node", name: "look whether the guest should be there")
    /// The guest and its disks go; ports stay the server's.
    package static let dismantle = Message<ServerReference, Nothing>(
        topic: "compute-node", name: "take the guest away")
    package static let rescue = Message<RescueOrder, Nothing>(topic: "compute-node", name: "rescue the server")
    package static let snapshot = Message<SnapshotOrder, Nothing>(topic: "compute-node", name: "write the image")
    package static let attachVolume = Message<VolumeOrder, Nothing>(topic: "compute-node", name: "attach the volume")
    package static let detachVolume = Message<VolumeOrder, Nothing>(topic: "compute-node", name: "detach the volume")
    /// A volume of the server's has grown.
    package static let resizeVolume = Message<VolumeSizeOrder, Nothing>(
        topic: "compute-node", name: "say how large the volume is")
    /// Answers with the interface.
    package static let attachPort = Message<PortOrder, JSON>(topic: "compute-node", name: "plug the port in")
    package static let detachPort = Message<PortOrder, Nothing>(topic: "compute-node", name: "unplug the port")
    /// Holds a resting guest's own disks out to another host: a `DiskLoan`, or null where there is nothing to carry.
    package static let lendDisks = Message<ServerReference, JSON>(topic: "compute-node", name: "hold the disks out")
    package static let endLoan = Message<ServerReference, Nothing>(topic: "compute-node", name: "take the disks back")
    /// What the server was before it was resized is not needed any more.
    package static let settle = Message<ServerReference, Nothing>(topic: "compute-node", name: "keep what has become")
    /// A running guest in its host's own words, for the host that it goes to.
    package static let showGuest = Message<ServerReference, JSON>(topic: "compute-node", name: "show the guest")
    /// Answers with a `Landing`, or null when the guest runs there already.
    package static let expectGuest = Message<GuestOrder, JSON>(topic: "compute-node", name: "expect the guest")
    package static let sendGuest = Message<SendOrder, Nothing>(topic: "compute-node", name: "send the guest")
    package static let receiveGuest = Message<ServerReference, Nothing>(
        topic: "compute-node", name: "let the guest arrive")
    package static let borrowDisks = Message<DiskOrder, Nothing>(topic: "compute-node", name: "fetch the disks")
    package static let diagnose = Message<ServerReference, JSON>(topic: "compute-node", name: "look at the guest")
    package static let screen = Message<ScreenRequest, JSON>(topic: "compute-node", name: "find the guest's screen")
}

/// A volume of a server, as its node has to connect it.
package struct VolumeConnection: JSONCoded, Hashable {
    package let volume: String
    package let attachment: String
    package let isRoot: Bool
    package let tag: String?
    /// The name under which the guest is to find it.
    package let device: String?

    package init(volume: String, attachment: String, isRoot: Bool, tag: String?, device: String? = nil) {
        self.volume = volume
        self.attachment = attachment
        self.isRoot = isRoot
        self.tag = tag
        self.device = device
    }

    package init(_ json: JSON) throws(Failure) {
        volume = try json.text("volume")
        attachment = try json.text("attachment")
        isRoot = try json.flag("root")
        tag = json["tag"]?.string
        device = json["device"]?.string
    }

    package var json: JSON {
        [
            "volume": .string(volume), "attachment": .string(attachment), "root": .bool(isRoot), "tag": JSON(tag),
            "device": JSON(device),
        ]
    }
}

package struct ScreenRequest: JSONCoded {
    package let server: String
    /// Its serial port, not its screen.
    package let isSerial: Bool

    package init(server: String, isSerial: Bool) {
        self.server = server
        self.isSerial = isSerial
    }

    package init(_ json: JSON) throws(Failure) {
        server = try json.text("server")
        isSerial = try json.flag("serial")
    }

    package var json: JSON { ["server": .string(server), "serial": .bool(isSerial)] }
}

package struct VolumeOrder: JSONCoded {
    package let server: String
    package let connection: VolumeConnection

    package init(server: String, connection: VolumeConnection) {
        self.server = server
        self.connection = connection
    }

    package init(_ json: JSON) throws(Failure) {
        server = try json.text("server")
        connection = try VolumeConnection(json.member("connection"))
    }

    package var json: JSON { ["server": .string(server), "connection": connection.json] }
}

package struct VolumeSizeOrder: JSONCoded {
    package let server: String
    package let volume: String
    package let sizeGB: Int

    package init(server: String, volume: String, sizeGB: Int) {
        self.server = server
        self.volume = volume
        self.sizeGB = sizeGB
    }

    package init(_ json: JSON) throws(Failure) {
        server = try json.text("server")
        volume = try json.text("volume")
        sizeGB = try json.number("size")
    }

    package var json: JSON { ["server": .string(server), "volume": .string(volume), "size": JSON(sizeGB)] }
}

package struct PortOrder: JSONCoded {
    package let server: String
    package let port: String
    package let tag: String?

    package init(server: String, port: String, tag: String? = nil) {
        self.server = server
        self.port = port
        self.tag = tag
    }

    package init(_ json: JSON) throws(Failure) {
        server = try json.text("server")
        port = try json.text("port")
        tag = json["tag"]?.string
    }

    package var json: JSON { ["server": .string(server), "port": .string(port), "tag": JSON(tag)] }
}

/// To run a server from another image, with its own disk beside it; or, without one, from its own disk again.
package struct RescueOrder: JSONCoded {
    package let server: String
    package let image: String?

    package init(server: String, image: String?) {
        self.server = server
        self.image = image
    }

    package init(_ json: JSON) throws(Failure) {
        server = try json.text("server")
        image = json["image"]?.string
    }

    package var json: JSON { ["server": .string(server), "image": JSON(image)] }
}

/// To write a server's disk into an image that has been announced to the image service.
package struct SnapshotOrder: JSONCoded {
    package let server: String
    package let image: String

    package init(server: String, image: String) {
        self.server = server
        self.image = image
    }

    package init(_ json: JSON) throws(Failure) {
        server = try json.text("server")
        image = try json.text("image")
    }

    package var json: JSON { ["server": .string(server), "image": .string(image)] }
}

/// Where a guest's own disks can be fetched, and with which key, as long as they are held out.
package struct DiskLoan: JSONCoded, Hashable {
    /// The name of the image that lies below the guest's own disk.
    package static let image = "image"

    package let host: String
    package let port: Int
    package let key: String
    package let disks: [String]
    /// What the guest is, in its host's own words.
    package let guest: JSON

    package init(host: String, port: Int, key: String, disks: [String], guest: JSON) {
        self.host = host
        self.port = port
        self.key = key
        self.disks = disks
        self.guest = guest
    }

    package init(_ json: JSON) throws(Failure) {
        host = try json.text("host")
        port = try json.number("port")
        key = try json.text("key")
        disks = json["disks"]?.array?.compactMap(\.string) ?? []
        guest = try json.member("guest")
    }

    package var json: JSON {
        ["host": .string(host), "port": JSON(port), "key": .string(key), "disks": JSON(disks), "guest": guest]
    }
}

/// Where a guest that runs is expected, and with which key.
package struct Landing: JSONCoded, Hashable {
    package let host: String
    /// The ports for its memory and for its disks.
    package let memory: Int
    package let disk: Int
    package let key: String
    package let disks: [String]

    package init(host: String, memory: Int, disk: Int, key: String, disks: [String]) {
        self.host = host
        self.memory = memory
        self.disk = disk
        self.key = key
        self.disks = disks
    }

    package init(_ json: JSON) throws(Failure) {
        host = try json.text("host")
        memory = try json.number("memory")
        disk = try json.number("disk")
        key = try json.text("key")
        disks = json["disks"]?.array?.compactMap(\.string) ?? []
    }

    package var json: JSON {
        [
            "host": .string(host), "memory": JSON(memory), "disk": JSON(disk), "key": .string(key),
            "disks": JSON(disks),
        ]
    }
}

/// A guest that is to come to a host.
package struct GuestOrder: JSONCoded {
    package let server: String
    package let guest: JSON

    package init(server: String, guest: JSON) {
        self.server = server
        self.guest = guest
    }

    package init(_ json: JSON) throws(Failure) {
        server = try json.text("server")
        guest = try json.member("guest")
    }

    package var json: JSON { ["server": .string(server), "guest": guest] }
}

/// A guest that is to leave a host.
package struct SendOrder: JSONCoded {
    package let server: String
    package let landing: Landing

    package init(server: String, landing: Landing) {
        self.server = server
        self.landing = landing
    }

    package init(_ json: JSON) throws(Failure) {
        server = try json.text("server")
        landing = try Landing(json.member("landing"))
    }

    package var json: JSON { ["server": .string(server), "landing": landing.json] }

    /// By what it is reported that it has gone.
    package static func report(of server: String) -> String { "way of \(server)" }
}

/// To fetch a server's disks from the host that holds them out.
package struct DiskOrder: JSONCoded {
    package let server: String
    package let loan: DiskLoan

    package init(server: String, loan: DiskLoan) {
        self.server = server
        self.loan = loan
    }

    package init(_ json: JSON) throws(Failure) {
        server = try json.text("server")
        loan = try DiskLoan(json.member("loan"))
    }

    package var json: JSON { ["server": .string(server), "loan": loan.json] }

    /// By what it is reported that they have come.
    package static func report(of server: String) -> String { "disks of \(server)" }
}

package struct ServerReference: JSONCoded {
    package let server: String
    /// The host that asks, where that matters: a message may come late, when the server is to be elsewhere.
    package let host: String?

    package init(server: String, host: String? = nil) {
        self.server = server
        self.host = host
    }

    package init(_ json: JSON) throws(Failure) {
        server = try json.text("server")
        host = json["host"]?.string
    }

    package var json: JSON { ["server": .string(server), "host": JSON(host)] }
}

/// What a guest told as its password: sealed with its user's key, so that nobody else can read it.
package struct GuestPassword: JSONCoded {
    package let server: String
    package let password: String

    /// In bytes: what clients know as four pieces of 255. A sealed password of a key with 4,096 bits has 684.
    package static let limit = 1_020

    package init(server: String, password: String) {
        self.server = server
        self.password = password
    }

    package init(_ json: JSON) throws(Failure) {
        server = try json.text("server")
        password = try json.text("password")
    }

    package var json: JSON { ["server": .string(server), "password": .string(password)] }
}

package struct ImageReference: JSONCoded {
    package let image: String

    package init(image: String) { self.image = image }
    package init(_ json: JSON) throws(Failure) { image = try json.text("image") }
    package var json: JSON { ["image": .string(image)] }
}

/// What a server needs of a host.
package struct HostRequest: JSONCoded {
    package let server: String
    package let user: String
    package let project: String
    package let vcpus: Int
    package let memory: Int
    package let disk: Int
    package let zone: String?
    package let host: String?
    /// Hosts on which it has just failed, or from which it is to go.
    package let avoid: [String]
    /// Under this name placement keeps what the server holds already, while it is on its way to something else.
    package let migration: String?
    /// What its flavor and its image ask for beyond sizes, and what its user hints at.
    package let extraSpecs: JSON.Object
    package let image: JSON.Object
    package let hints: JSON.Object
    /// The server group that it belongs to.
    package let group: String?

    package init(
        server: String, user: String, project: String, vcpus: Int, memory: Int, disk: Int, zone: String?, host: String?,
        avoid: [String], extraSpecs: JSON.Object = JSON.Object(), image: JSON.Object = JSON.Object(),
        hints: JSON.Object = JSON.Object(), group: String? = nil,
        migration: String? = nil
    ) {
        self.server = server
        self.user = user
        self.project = project
        self.vcpus = vcpus
        self.memory = memory
        self.disk = disk
        self.zone = zone
        self.host = host
        self.avoid = avoid
        self.migration = migration
        self.extraSpecs = extraSpecs
        self.image = image
        self.hints = hints
        self.group = group
    }

    package init(_ json: JSON) throws(Failure) {
        server = try json.text("server")
        user = try json.text("user")
        project = try json.text("project")
        vcpus = try json.number("vcpus")
        memory = try json.number("memory")
        disk = try json.number("disk")
        zone = json["zone"]?.string
        host = json["host"]?.string
        avoid = json["avoid"]?.array?.compactMap(\.string) ?? []
        migration = json["migration"]?.string
        extraSpecs = json["extra_specs"]?.object ?? JSON.Object()
        image = json["image"]?.object ?? JSON.Object()
        hints = json["hints"]?.object ?? JSON.Object()
        group = json["group"]?.string
    }

    package var json: JSON {
        [
            "server": .string(server), "user": .string(user), "project": .string(project), "vcpus": JSON(vcpus),
            "memory": JSON(memory), "disk": JSON(disk), "zone": JSON(zone), "host": JSON(host), "avoid": JSON(avoid),
            "migration": JSON(migration),
            "extra_specs": .object(extraSpecs), "image": .object(image), "hints": .object(hints), "group": JSON(group),
        ]
    }
}

package struct HostChoice: JSONCoded {
    package let host: String
    package let zone: String

    package init(host: String, zone: String) {
        self.host = host
        self.zone = zone
    }

    package init(_ json: JSON) throws(Failure) {
        host = try json.text("host")
        zone = try json.text("zone")
    }

    package var json: JSON { ["host": .string(host), "zone": .string(zone)] }
}

/// A network interface that a server is to have: an existing port, or one to be made on a network.
package struct NetworkRequest: JSONCoded, Hashable {
    package let network: String?
    package let port: String?
    package let fixedIP: String?
    package let tag: String?

    package init(network: String?, port: String?, fixedIP: String?, tag: String?) {
        self.network = network
        self.port = port
        self.fixedIP = fixedIP
        self.tag = tag
    }

    package init(_ json: JSON) throws(Failure) {
        network = json["network"]?.string
        port = json["port"]?.string
        fixedIP = json["fixed_ip"]?.string
        tag = json["tag"]?.string
    }

    package var json: JSON {
        ["network": JSON(network), "port": JSON(port), "fixed_ip": JSON(fixedIP), "tag": JSON(tag)]
    }
}

/// All that a node has to know to make a server so. It asks for it, and holds nothing of it longer than that.
package struct ServerDescription: JSONCoded {
    package var server: String
    package var name: String
    package var hostname: String
    package var user: String
    package var project: String
    package var vcpus: Int
    package var memory: Int
    package var rootDisk: Int
    package var ephemeralDisk: Int
    package var swap: Int
    package var image: String?
    package var networks: [NetworkRequest]
    package var securityGroups: [String]
    package var zone: String
    package var keyName: String?
    package var publicKey: String?
    package var userData: String?
    package var metadata: JSON
    package var hasConfigDrive: Bool
    package var volumes: [VolumeConnection]
    /// Which it is of those that were asked for at once.
    package var launchIndex = 0
    package var reservation = ""
    package var flavorName = ""
    /// What its guest told as its password; empty where it told none.
    package var password = ""

    package init(
        server: String, name: String, hostname: String, user: String, project: String, vcpus: Int, memory: Int,
        rootDisk: Int, ephemeralDisk: Int, swap: Int, image: String?, networks: [NetworkRequest],
        securityGroups: [String], zone: String, keyName: String?, publicKey: String?, userData: String?,
        metadata: JSON, hasConfigDrive: Bool, volumes: [VolumeConnection] = []
    ) {
        self.server = server
        self.name = name
        self.hostname = hostname
        self.user = user
        self.project = project
        self.vcpus = vcpus
        self.memory = memory
        self.rootDisk = rootDisk
        self.ephemeralDisk = ephemeralDisk
        self.swap = swap
        self.image = image
        self.networks = networks
        self.securityGroups = securityGroups
        self.zone = zone
        self.keyName = keyName
        self.publicKey = publicKey
        self.userData = userData
        self.metadata = metadata
        self.hasConfigDrive = hasConfigDrive
        self.volumes = volumes
    }

    package init(_ json: JSON) throws(Failure) {
        self.init(
            server: try json.text("server"), name: try json.text("name"), hostname: try json.text("hostname"),
            user: try json.text("user"), project: try json.text("project"), vcpus: try json.number("vcpus"),
            memory: try json.number("memory"), rootDisk: try json.number("root_disk"),
            ephemeralDisk: try json.number("ephemeral_disk"), swap: try json.number("swap"),
            image: json["image"]?.string, networks: try json.list("networks", of: NetworkRequest.init),
            securityGroups: json["security_groups"]?.array?.compactMap(\.string) ?? [], zone: try json.text("zone"),
            keyName: json["key_name"]?.string, publicKey: json["public_key"]?.string,
            userData: json["user_data"]?.string, metadata: try json.member("metadata"),
            hasConfigDrive: try json.flag("config_drive"),
            volumes: try json.list("volumes", of: VolumeConnection.init))
        launchIndex = json["launch_index"]?.integer.map { Int($0) } ?? 0
        reservation = json["reservation"]?.string ?? ""
        flavorName = json["flavor_name"]?.string ?? ""
        password = json["password"]?.string ?? ""
    }

    package var json: JSON {
        [
            "server": .string(server), "name": .string(name), "hostname": .string(hostname), "user": .string(user),
            "project": .string(project), "vcpus": JSON(vcpus), "memory": JSON(memory), "root_disk": JSON(rootDisk),
            "ephemeral_disk": JSON(ephemeralDisk), "swap": JSON(swap), "image": JSON(image),
            "networks": JSON(list: networks), "security_groups": JSON(securityGroups), "zone": .string(zone),
            "key_name": JSON(keyName), "public_key": JSON(publicKey), "user_data": JSON(userData),
            "metadata": metadata, "config_drive": .bool(hasConfigDrive), "volumes": JSON(list: volumes),
            "launch_index": JSON(launchIndex),
            "reservation": .string(reservation), "flavor_name": .string(flavorName), "password": .string(password),
        ]
    }
}

/// How a build ended.
package struct BuildReport: JSONCoded {
    package let server: String
    package let host: String
    /// The server's interfaces, as its addresses are shown.
    package let interfaces: JSON
    package let failure: String?
    /// Whether another host may do better.
    package let mayRetry: Bool

    package init(server: String, host: String, interfaces: JSON, failure: String?, mayRetry: Bool) {
        self.server = server
        self.host = host
        self.interfaces = interfaces
        self.failure = failure
        self.mayRetry = mayRetry
    }

    package init(_ json: JSON) throws(Failure) {
        server = try json.text("server")
        host = try json.text("host")
        interfaces = try json.member("interfaces")
        failure = json["failure"]?.string
        mayRetry = try json.flag("may_retry")
    }

    package var json: JSON {
        [
            "server": .string(server), "host": .string(host), "interfaces": interfaces, "failure": JSON(failure),
            "may_retry": .bool(mayRetry),
        ]
    }
}

package struct PowerOrder: JSONCoded {
    package enum Verb: String, Sendable {
        case start, stop, pause, unpause, suspend, resume
        case rebootSoft = "reboot-soft"
        case rebootHard = "reboot-hard"
    }

    package let server: String
    package let verb: Verb

    package init(server: String, verb: Verb) {
        self.server = server
        self.verb = verb
    }

    package init(_ json: JSON) throws(Failure) {
        server = try json.text("server")
        guard let verb = Verb(rawValue: try json.text("verb")) else { throw .bug("An unknown order came to a node.") }
        self.verb = verb
    }

    package var json: JSON { ["server": .string(server), "verb": .string(verb.rawValue)] }
}

/// How a guest is, in the numbers that clients know.
package enum GuestState: Int, JSONCoded {
    case none = 0
    case running = 1
    case paused = 3
    case shutDown = 4
    case crashed = 6
    case suspended = 7

    package init(_ json: JSON) throws(Failure) { self = GuestState(rawValue: try json.number("state")) ?? .none }
    package var json: JSON { ["state": JSON(rawValue)] }
}

package struct ConsoleRequest: JSONCoded {
    package let server: String
    /// The last so many lines; all without.
    package let lines: Int?

    package init(server: String, lines: Int?) {
        self.server = server
        self.lines = lines
    }

    package init(_ json: JSON) throws(Failure) {
        server = try json.text("server")
        lines = json["lines"]?.integer.map { Int($0) }
    }

    package var json: JSON { ["server": .string(server), "lines": JSON(lines)] }
}

/// A node's sign of life: what it has and what runs on it.
package struct NodeReport: JSONCoded {
    package let host: String
    package let hypervisor: String
    package let version: Int
    package let vcpus: Int
    package let memory: Int
    package let disk: Int
    package let cpuInfo: JSON
    /// The guests that it has, by server, with their states.
    package let guests: JSON
    /// How long it has been up, in the words of the system's own command.
    package let uptime: String?

    package init(
        host: String, hypervisor: String, version: Int, vcpus: Int, memory: Int, disk: Int, cpuInfo: JSON, guests: JSON,
        uptime: String? = nil
    ) {
        self.host = host
        self.hypervisor = hypervisor
        self.version = version
        self.vcpus = vcpus
        self.memory = memory
        self.disk = disk
        self.cpuInfo = cpuInfo
        self.guests = guests
        self.uptime = uptime
    }

    package init(_ json: JSON) throws(Failure) {
        self.init(
            host: try json.text("host"), hypervisor: try json.text("hypervisor"), version: try json.number("version"),
            vcpus: try json.number("vcpus"), memory: try json.number("memory"), disk: try json.number("disk"),
            cpuInfo: try json.member("cpu_info"), guests: try json.member("guests"),
            uptime: json["uptime"]?.string)
    }

    package var json: JSON {
        [
            "host": .string(host), "hypervisor": .string(hypervisor), "version": JSON(version), "vcpus": JSON(vcpus),
            "memory": JSON(memory), "disk": JSON(disk), "cpu_info": cpuInfo, "guests": guests,
            "uptime": JSON(uptime),
        ]
    }
}
