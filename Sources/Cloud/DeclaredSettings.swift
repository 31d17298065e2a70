import Base
import Compute
import Config
import Glibc
import Identity

/// What an operator may set from outside, each thing declared once: in the environment its name is `MARTLET_` and the
/// path in capitals, `MARTLET_IDENTITY_LOCKOUT_ATTEMPTS`.
enum DeclaredSettings {
    static let adminPassword = Setting(
        "admin.password", .optionalText, default: nil,
        "The administrator's first password. A new cloud makes one up where none is given.", secrecy: .secret)

    static let data = Setting(
        "data", .optionalText, default: nil, "The folder in which the cloud keeps everything.")
    static let database = Setting(
        "database", .optionalText, default: nil,
        "Where the tables are: mysql://user:password@host/name, or a file; one in the folder where nothing is said.",
        secrecy: .passwordInURL)
    static let roles = Setting(
        "roles", .list, default: ["all"],
        "What this process does: \(Role.allCases.map(\.rawValue).joined(separator: ", ")), or all.")
    static let bus = Setting(
        "bus", .optionalText, default: nil,
        "The broker between the processes of a cloud: amqp://user:password@host, or amqps://. One process needs none.",
        secrecy: .passwordInURL)
    static let spanCollector = Setting(
        "trace.otlp", .optionalText, default: nil,
        "A collector of spans that takes OTLP's JSON: http://collector:4318. What it doesn't take in time is dropped.")
    static let gatewayAddress = Setting(
        "gateway", .optionalText, default: nil,
        "Where the APIs are reached, as the catalog names them and processes without one ask them: http://host:port.")
    static let node = Setting(
        "node", .optionalText, default: nil,
        "What this machine is called in the cloud; its own name if nothing is said.")
    static let networkNode = Setting(
        "network.node", .optionalText, default: nil,
        "The node that has the networks' routers and address servers; this one if nothing is said.")
    static let policy = Setting(
        "policy", .optionalText, default: nil,
        "A folder with policy files, one for each service: identity.yaml. Usually `policy` in the cloud's own folder.")
    static let origins = Setting(
        "cors.origins", .list, default: [],
        "Sites whose pages may use the API from a browser: https://dashboard.example; * for all.")
    static let listen = Setting(
        "listen", .list, default: ["127.0.0.1"],
        "Where to listen: addresses of either family, and sockets as unix:/run/martlet.sock. The catalog names the first.",
        .notEmpty)
    static let certificate = Setting(
        "tls.certificate", .optionalText, default: nil,
        "A file in PEM with the certificate of the APIs, then those that lead to its authority. With it they are https, and "
            + "it is read again when it changes.")
    static let certificateKey = Setting("tls.key", .optionalText, default: nil, "The file with its key.")
    static let authority = Setting(
        "tls.authority", .optionalText, default: nil,
        "A file in PEM with the authority by which the APIs are trusted, for clouds.yaml and for other processes; the "
            + "machine's own authorities if nothing is said.")
    static let port = Setting(
        "port", .integer, default: 0, "One port for all services; 0 gives each the one that its users know.",
        .between(0, 65_535))
    static let region = Setting("region", .text, default: "RegionOne", "What the region of a new cloud is called.")
    static let hypervisor = Setting<HypervisorKind>(
        "hypervisor", .choice, default: .auto, "What runs the servers.")

    static let tokenLifetime = Setting(
        "identity.token.lifetime", .duration, default: .seconds(3_600), "How long a token is good for.",
        .between(.seconds(60), .seconds(30 * 86_400)))
    static let lockoutAttempts = Setting(
        "identity.lockout.attempts", .integer, default: 2,
        "How many failed logins in a row make an account rest; 0 lets it be tried without end.", .atLeast(0))
    static let lockoutDuration = Setting(
        "identity.lockout.duration", .duration, default: .seconds(5), "How long it rests.",
        .atLeast(.seconds(1)))
    static let inactivityLimit = Setting(
        "identity.inactive_after", .duration, default: .zero,
        "After how long without a login an account can't be used any more; 0s never.", .atLeast(.zero))
    static let listLimit = Setting(
        "identity.list_limit", .integer, default: 0,
        "How many things a list of identity's has at most for those who don't say how many they want; 0 is all.",
        .atLeast(0))
    static let passwordCost = Setting(
        "identity.password.cost", .integer, default: 12,
        "How much work a password's hash is, for us and for whoever steals it: one more is twice as much.",
        .between(4, 31))
    static let passwordMemory = Setting(
        "identity.password.memory", .flag, default: true,
        "Whether a password that was right is known for a few minutes, in memory and under a key of its own.")
    static let passwordHistory = Setting(
        "identity.password.history", .integer, default: 2,
        "How many of a user's last passwords may not be chosen again, the current one included.", .between(0, 24))
    static let passwordMinimumAge = Setting(
        "identity.password.minimum_age", .duration, default: .zero,
        "How long users have to keep a password that they chose.", .atLeast(.zero))
    static let passwordLifetime = Setting(
        "identity.password.lifetime", .duration, default: .zero,
        "How long a password is good for; 0s is forever.", .atLeast(.zero))
    static let changeUponFirstUse = Setting(
        "identity.password.change_upon_first_use", .flag, default: false,
        "Whether users have to change a password that an administrator gave them.")

    static let passwordPattern = Setting(
        "identity.password.pattern", .optionalText, default: nil,
        "A regular expression that new passwords have to match from their beginning.")
    static let passwordAdvice = Setting(
        "identity.password.advice", .optionalText, default: nil,
        "What to tell those whose password doesn't match the pattern.")
    static let allowsRescoping = Setting(
        "identity.token.rescope", .flag, default: true,
        "Whether a token that is good for one project may be exchanged for one that is good for another.")

    static let networkMechanism = Setting(
        "network.mechanism", .text, default: "auto",
        "What makes networks real: linuxbridge, simulated, or auto, which is the former where this process may.")
    static let networkUplinks = Setting(
        "network.uplinks", .text, default: "public=host",
        "Where physical networks lead from this host: NAME=DEVICE, or NAME=host where the host itself is the way out.")
    static let tunnelAddress = Setting(
        "network.tunnel_address", .optionalText, default: nil,
        "This host's own address at which other hosts reach its tunnels (VXLAN). Without one it has no networks in common "
            + "with them.")
    static let publicNetwork = Setting(
        "network.public.create", .flag, default: true,
        "Whether a new cloud starts with a network by the name of public that leads out.")
    static let publicRange = Setting(
        "network.public.range", .optionalText, default: nil,
        "Its addresses, such as 203.0.113.0/24. Where none are given, a range that the host has no route to.")
    static let networkQuotas = Setting(
        "network.quotas", .list, default: [],
        "How many things of a kind a project may have by default, where not the usual number: router=100; -1 is no limit."
    )
    static let scheduler = Setting<SchedulerAlgorithm>(
        "compute.scheduler.algorithm", .choice, default: .weighed,
        "Which of several hosts a server gets: the one weighed best, any with room (random), any that fits (available), "
            + "or the least loaded (simple).")
    static let skippedFilters = Setting(
        "compute.scheduler.skipped_filters", .list, default: [], "Filters that hosts don't have to pass.")
    static let simulatedPace = Setting<SimulatedPace>(
        "simulated.pace", .choice, default: .quick, "How long simulated guests take: no time, or a believable one.")

    static let imageStores = Setting(
        "image.stores", .list, default: [],
        "Further stores for images: NAME=FOLDER each. Data goes into them where an upload or import names them.")

    static let imageCache = Setting(
        "image.cache", .integer, default: 10,
        "How many gigabytes of images' data this machine keeps copies of, as administrators ask for; 0 is none.",
        .between(0, 1_000_000))

    static let imageFormatMatch = Setting(
        "image.format_match", .flag, default: true,
        "Whether an image has to be what its disk format says. What is not is refused.")

    static let volumeBackends = Setting(
        "volume.backends", .list, default: [],
        "Further backends for volumes on this node: NAME=FOLDER each. Volume types choose one by volume_backend_name.")

    static let stock = Setting(
        "stock.create", .flag, default: true,
        "Whether a new cloud starts with flavors, an image and a network for its first project.")
    static let firstImage = Setting(
        "stock.image", .optionalText, default: nil,
        "The disk, in qcow2, that becomes a new cloud's first image. Usually the one that Guest/make-guest made.")

    static let all: [any AnySetting] = [
        data, database, roles, bus, spanCollector, gatewayAddress, node, networkNode, policy, origins, listen, port,
        certificate, certificateKey, authority,
        region,
        hypervisor,
        scheduler, skippedFilters, simulatedPace,
        adminPassword, tokenLifetime, lockoutAttempts, lockoutDuration, inactivityLimit, passwordHistory,
        listLimit, passwordCost, passwordMemory, passwordMinimumAge,
        passwordLifetime, changeUponFirstUse, passwordPattern, passwordAdvice, allowsRescoping, networkMechanism,
        networkUplinks, tunnelAddress, publicNetwork, publicRange, networkQuotas, imageStores, imageCache,
        imageFormatMatch, volumeBackends, stock,
        firstImage,
    ]

    /// Variables that are no settings, with those that were probably meant.
    static func doubts() -> [String] {
        let known = all.map(\.environmentName)
        var names: [String] = []
        var place = environ
        while let entry = place.pointee {
            names.append(String(String(cString: entry).prefix { $0 != "=" }))
            place += 1
        }
        return names.filter { $0.hasPrefix(Environment.prefix) && !known.contains($0) }.sorted().compactMap { name in
            Spelling.nearest(to: name, among: known).map { "\(name) is no setting: did you mean \($0)?" }
        }
    }

    /// What the environment of this process says; variables that are none of these are somebody else's.
    static func configuration(file path: String? = nil) throws(Failure) -> Configuration {
        let file = try path.map { path throws(Failure) in
            try ConfigurationFile(name: path, text: String(decoding: try Files.read(path), as: UTF8.self))
        }
        var environment: [String: String] = [:]
        for setting in all {
            environment[setting.environmentName] = getenv(setting.environmentName).map { String(cString: $0) }
        }
        return try Configuration(all, file: file, environment: environment)
    }
}

extension IdentitySettings {
    init(_ configuration: Configuration) {
        self.init()
        tokenLifetime = configuration[DeclaredSettings.tokenLifetime]
        let attempts = configuration[DeclaredSettings.lockoutAttempts]
        lockoutAttempts = attempts == 0 ? nil : attempts
        let inactivity = configuration[DeclaredSettings.inactivityLimit]
        inactivityLimit = inactivity == .zero ? nil : inactivity
        lockoutDuration = configuration[DeclaredSettings.lockoutDuration]
        let listLimit = configuration[DeclaredSettings.listLimit]
        self.listLimit = listLimit == 0 ? nil : listLimit
        passwordCost = configuration[DeclaredSettings.passwordCost]
        isPasswordMemoryOn = configuration[DeclaredSettings.passwordMemory]
        passwordHistory = configuration[DeclaredSettings.passwordHistory]
        minimumPasswordAge = configuration[DeclaredSettings.passwordMinimumAge]
        let lifetime = configuration[DeclaredSettings.passwordLifetime]
        passwordLifetime = lifetime == .zero ? nil : lifetime
        changePasswordUponFirstUse = configuration[DeclaredSettings.changeUponFirstUse]
        passwordPattern = configuration[DeclaredSettings.passwordPattern]
        passwordAdvice = configuration[DeclaredSettings.passwordAdvice]
        allowsRescoping = configuration[DeclaredSettings.allowsRescoping]
    }
}
