package import Base
package import Compute
package import Config
import Glibc
import IO
package import Identity
package import Image
import Network

/// How a cloud on one machine is to be: what the command line and the environment say.
package struct CloudSettings: Sendable {
    package var data: DataDirectory
    package var listen = [Entrance.host("127.0.0.1")]
    /// What makes the APIs https.
    package var certificate: Certificate?
    /// The file with the authority by which they are trusted; nil: the machine's own.
    package var authority: String?
    /// One port for everything, instead of each service's own beside the gateway's.
    package var port: Int?
    package var adminPassword: String?
    package var region = "RegionOne"
    package var identity = IdentitySettings()
    package var hypervisor = HypervisorKind.auto
    /// How many nodes there are, where they are simulated. A real one is this machine, and it is one.
    package var nodes = 1
    package var mechanism = NetworkMechanism.auto
    /// Which physical networks lead where from this host.
    package var uplinks = Uplinks.usual
    /// This host's own address for tunnels to other hosts; nil: there are none.
    package var tunnelAddress: String?
    /// Whether a new cloud gets a network that leads out, and with which addresses; nil: a range that is free here.
    package var makesPublicNetwork = true
    package var publicRange: String?
    package var simulatedPace = SimulatedPace.quick
    package var compute = ComputeSettings()
    /// Stores for images beside the usual one, and the folders in which they keep them.
    package var imageStores: [(name: String, folder: String)] = []
    package var image = ImageSettings()
    /// How many bytes of images' data this machine may keep copies of.
    package var imageCacheSize = 10 << 30
    package var networkQuotas: [String: Int] = [:]
    /// Backends for volumes beside the usual one, and the folders in which they keep them.
    package var volumeBackends: [(name: String, folder: String)] = []
    /// `mysql://…`; nil: a file in the folder.
    package var database: String?
    /// Where the operator's policy files are; those in the cloud's own folder unless another is named.
    package var policy: String?
    /// Whose pages may use the API from a browser.
    package var origins: [String] = []

    /// Whether a new cloud has sizes, an image and a network to begin with, and which disk the image is.
    package var isStocked = false
    package var firstImage: String?

    package init(data: DataDirectory = .usual) { self.data = data }

    /// What this process does.
    package var roles = Set(Role.allCases)
    /// `amqp://…`; nil: messages stay in this process.
    package var bus: String?
    /// Where spans are collected, if they are: `http://collector:4318`.
    package var spanCollector: String?
    /// Where the APIs are, for those who have none themselves and for the catalog.
    package var gatewayAddress: String?
    /// What this machine is called in the cloud, if not as it calls itself.
    package var node: String?
    /// The node that has the networks' routers and address servers; this one if nil.
    package var networkNodeName: String?

    package var databaseAddress: String { database ?? data.database }
    package var networkNode: String { networkNodeName ?? nodeName }
    package var isDatabaseAFile: Bool { !databaseAddress.contains("://") }
    package var policyFolder: String { policy ?? data.policies }

    private static func tunnelAddress(_ text: String?) throws(Failure) -> String? {
        guard let text, !text.isEmpty else { return nil }
        guard let address = IPAddress(text) else {
            throw .invalid("network.tunnel_address must be an address of this host, not \(text).")
        }
        return address.description
    }

    /// Each setting with its value and where that comes from. Secrets are not in it.
    package static func describe(file: String?) throws(Failure) -> [Configuration.Line] {
        try DeclaredSettings.configuration(file: file).describe()
    }

    /// What the environment says that is no setting, but looks like one. It is no error: whoever runs us may have
    /// variables of their own that begin so.
    package static func doubts() -> [String] { DeclaredSettings.doubts() }

    /// What the environment says goes before the file.
    ///
    /// - Parameter data: the folder that the command line names, which goes before both.
    package static func read(file: String? = nil, data: DataDirectory? = nil) throws(Failure) -> CloudSettings {
        let configuration = try DeclaredSettings.configuration(file: file)
        let named = configuration[DeclaredSettings.data].map { DataDirectory($0) }
        var settings = CloudSettings(data: data ?? named ?? .usual)
        settings.database = configuration[DeclaredSettings.database]
        settings.roles = try Role.named(configuration[DeclaredSettings.roles])
        settings.spanCollector = configuration[DeclaredSettings.spanCollector]
        settings.bus = configuration[DeclaredSettings.bus]
        settings.gatewayAddress = configuration[DeclaredSettings.gatewayAddress]
        settings.node = configuration[DeclaredSettings.node]
        settings.networkNodeName = configuration[DeclaredSettings.networkNode]
        settings.policy = configuration[DeclaredSettings.policy]
        settings.origins = configuration[DeclaredSettings.origins]
        settings.listen = try configuration[DeclaredSettings.listen].map { text throws(Failure) in try Entrance(text) }
        try settings.take(
            certificate: configuration[DeclaredSettings.certificate],
            key: configuration[DeclaredSettings.certificateKey])
        settings.authority = configuration[DeclaredSettings.authority]
        let port = configuration[DeclaredSettings.port]
        settings.port = port == 0 ? nil : port
        settings.region = configuration[DeclaredSettings.region]
        settings.hypervisor = configuration[DeclaredSettings.hypervisor]
        settings.adminPassword = configuration[DeclaredSettings.adminPassword]
        settings.identity = IdentitySettings(configuration)
        settings.mechanism = try NetworkMechanism(named: configuration[DeclaredSettings.networkMechanism])
        settings.uplinks = try Uplinks(configuration[DeclaredSettings.networkUplinks])
        settings.tunnelAddress = try CloudSettings.tunnelAddress(configuration[DeclaredSettings.tunnelAddress])
        settings.makesPublicNetwork = configuration[DeclaredSettings.publicNetwork]
        settings.publicRange = configuration[DeclaredSettings.publicRange]
        settings.isStocked = configuration[DeclaredSettings.stock]
        settings.firstImage = configuration[DeclaredSettings.firstImage] ?? CloudSettings.usualImage
        settings.imageStores = try folders(
            configuration[DeclaredSettings.imageStores], in: "image.stores", taken: ["file", "web"])
        settings.imageCacheSize = configuration[DeclaredSettings.imageCache] << 30
        settings.networkQuotas = try quotas(configuration[DeclaredSettings.networkQuotas])
        settings.image.requireFormatMatch = configuration[DeclaredSettings.imageFormatMatch]
        settings.volumeBackends = try folders(
            configuration[DeclaredSettings.volumeBackends], in: "volume.backends",
            taken: ["file", "simulated", "simulated-2"])
        settings.simulatedPace = configuration[DeclaredSettings.simulatedPace]
        settings.compute.machine = settings.nodeName
        settings.compute.scheduler.algorithm = configuration[DeclaredSettings.scheduler]
        settings.compute.scheduler.skippedFilters = Set(configuration[DeclaredSettings.skippedFilters])
        return settings
    }

    /// `router=100`
    private static func quotas(_ entries: [String]) throws(Failure) -> [String: Int] {
        var quotas: [String: Int] = [:]
        for entry in entries {
            let parts = entry.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2, Network.countedKinds.contains(parts[0]), let count = Int(parts[1]), count >= -1
            else {
                throw .invalid(
                    "network.quotas: \(entry) is not KIND=COUNT with one of \(Network.countedKinds.joined(separator: ", "))."
                )
            }
            quotas[parts[0]] = count
        }
        return quotas
    }

    private static func folders(
        _ texts: [String], in setting: String, taken: [String]
    ) throws(Failure) -> [(name: String, folder: String)] {
        var folders: [(name: String, folder: String)] = []
        for text in texts {
            let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2, !parts[0].contains(where: { ",@#".contains($0) }), parts[1].hasPrefix("/"),
                !taken.contains(parts[0]), !folders.contains(where: { $0.name == parts[0] })
            else { throw .invalid("\(setting): \(text) is not NAME=FOLDER, with a name and a folder of its own.") }
            folders.append((name: parts[0], folder: parts[1]))
        }
        return folders
    }

    /// The port behind which all services stand, told apart by path.
    package static let gatewayPort = 8088

    package var gateway: Int { port ?? CloudSettings.gatewayPort }

    /// One is worth nothing without the other.
    package mutating func take(certificate: String?, key: String?) throws(Failure) {
        guard certificate != nil || key != nil else { return }
        guard let certificate, let key else {
            throw .invalid("A certificate needs its key, and a key its certificate: tls.certificate and tls.key.")
        }
        self.certificate = Certificate(certificates: certificate, key: key)
    }

    /// Where people reach it: an address that listens everywhere is none to connect to.
    package var host: String {
        for case .host(let host) in listen {
            switch host {
            case "0.0.0.0": return "127.0.0.1"
            case "::": return "[::1]"
            default: return host.contains(":") ? "[\(host)]" : host
            }
        }
        return "localhost"
    }

    /// Whom those trust who ask the cloud's own APIs.
    func trust() throws(Failure) -> TLSTrust { try TLSTrust(authorities: authority) }

    /// What the machine is called as a compute node.
    package var nodeName: String {
        if let node { return node }
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0 else { return "localhost" }
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The names of the compute nodes: the machine's, and for further ones that with a number.
    package var nodeNames: [String] {
        guard hypervisor.resolved == .simulated, nodes > 1 else { return [nodeName] }
        return [nodeName] + (2...nodes).map { "\(nodeName)-\($0)" }
    }

    package func url(of service: String) -> String {
        var base = gatewayAddress ?? "\(certificate == nil ? "http" : "https")://\(host):\(gateway)"
        while base.hasSuffix("/") { base.removeLast() }
        return base + "/" + service
    }

    /// Several processes need what they share.
    package func checkRoles() throws(Failure) {
        guard !roles.isAll else { return }
        guard bus != nil else {
            throw .invalid("A process that is not all of a cloud needs the setting bus: amqp://user:password@host.")
        }
        guard !roles.haveDatabase || !isDatabaseAFile else {
            throw .invalid(
                "A process that is not all of a cloud needs the setting database: mysql://user:password@host/name.")
        }
        guard roles.contains(.api) || gatewayAddress != nil else {
            throw .invalid("A process without the role api needs the setting gateway: http://host:port of one with it.")
        }
    }
}

/// How long simulated guests take for what they do.
package enum SimulatedPace: String, Sendable, CaseIterable {
    /// No time at all, for tests and for measuring everything else.
    case quick
    /// What a node with good disks takes.
    case believable
}

/// What runs guests on a node.
package enum HypervisorKind: String, Sendable, CaseIterable {
    /// QEMU where it is installed, else simulated.
    case auto
    /// Guests as processes of QEMU.
    case qemu
    /// The same by libvirt: the machine's, or one of its own.
    case libvirt
    /// Nodes in memory, for trying things out: no guest is real.
    case simulated

    package init(named text: String) throws(Failure) {
        guard let kind = HypervisorKind(rawValue: text) else {
            let known = HypervisorKind.allCases.map(\.rawValue).joined(separator: ", ")
            throw .invalid("There is no hypervisor \(text). There are: \(known).")
        }
        self = kind
    }
}
