import Base
import Cloud
import Glibc
import Trace

extension Command {
    static let up = Command(
        name: "up", summary: "Run a whole cloud in this process, until it is told to stop",
        options: [data, config] + ways, run: up)

    static let serve = Command(
        name: "serve", summary: "The same as a service of the machine: what is set stands in a file",
        options: [data, config, roles] + ways, run: up)

    static let roles = Option(
        name: "roles", value: "ROLES",
        summary: "what this process does: \(Role.allCases.map(\.rawValue).joined(separator: ",")); all (all)",
        isList: true)

    private static let ways = [
        Option(
            name: "listen", value: "ADDRESSES",
            summary: "where to listen: 127.0.0.1, ::1, unix:/run/martlet.sock; several with commas (127.0.0.1)",
            isList: true),
        Option(name: "port", value: "PORT", summary: "one port for all services, instead of each one's own"),
        Option(name: "certificate", value: "FILE", summary: "makes the APIs https: the certificate, in PEM"),
        Option(name: "key", value: "FILE", summary: "the certificate's key"),
        Option(name: "authority", value: "FILE", summary: "whom clients have to trust for it; goes into clouds.yaml"),
        Option(
            name: "hypervisor", value: "KIND",
            summary: "what runs the servers: \(HypervisorKind.allCases.map(\.rawValue).joined(separator: ", "))"),
        Option(name: "nodes", value: "COUNT", summary: "how many simulated compute nodes there are (1)"),
    ]

    private static func up(_ arguments: Arguments) async throws(Failure) {
        let started = SystemClock().now
        var settings = try CloudSettings.read(arguments)
        if let listen = arguments["listen"] {
            settings.listen = try listen.split(separator: ",").map { text throws(Failure) in
                try Entrance(String(text))
            }
        }
        try settings.take(certificate: arguments["certificate"], key: arguments["key"])
        if let authority = arguments["authority"] { settings.authority = authority }
        if let port = try arguments.port("port") { settings.port = port }
        if let text = arguments["hypervisor"] { settings.hypervisor = try HypervisorKind(named: text) }

        if let text = arguments["nodes"] {
            guard let count = Int(text), (1...1_000).contains(count) else {
                throw .invalid("--nodes must be a number from 1 to 1000, not \(text).")
            }
            settings.nodes = count
        }

        for doubt in CloudSettings.doubts() { Terminal.complain(doubt) }
        let stop = Signals()
        try settings.data.take()
        Terminal.say("data     \(settings.data.path)")
        let log = Log(style: isatty(STDERR_FILENO) == 1 ? .people : .json)
        let cloud = try await Cloud(settings, log: log) { Terminal.progress($0) }
        try await cloud.prepare()
        for name in cloud.names { Terminal.say("service  \(name)  \(settings.url(of: name))") }
        if !settings.roles.isAll { Terminal.say("roles    \(settings.roles.names)") }
        if settings.roles.contains(.computeNode) {
            let view = await cloud.operatorsView().map { "  virsh -c '\($0)' list" }
            Terminal.say("servers  \(settings.hypervisor.resolved.rawValue)\(view ?? "")")
        }
        if settings.roles.contains(.networkNode) { Terminal.say("networks \(cloud.mechanism.rawValue)") }
        try await serve(cloud, settings, started, until: stop)
        Terminal.say("stopped")
    }

    private static func serve(
        _ cloud: Cloud, _ settings: CloudSettings, _ started: Moment, until stop: Signals
    ) async throws(Failure) {
        let result = await withTaskGroup(of: Result<Void, Failure>.self) { group in
            group.addTask {
                do throws(Failure) {
                    try await cloud.run { addresses in
                        for address in addresses { Terminal.say("listen   \(address)") }
                        let taken = (SystemClock().now - started).microseconds / 1_000
                        let next =
                            settings.roles.contains(.api)
                            ? " Next: export OS_CLIENT_CONFIG_FILE=\(settings.data.path)/clouds.yaml OS_CLOUD=martlet; openstack catalog list"
                            : ""
                        Terminal.say("ready    in \(taken) ms.\(next)")
                    }
                    return .success(())
                } catch { return .failure(error) }
            }
            group.addTask {
                await stop.wait()
                return .success(())
            }
            let first = await group.next() ?? .success(())
            group.cancelAll()
            return first
        }
        try result.get()
    }
}
