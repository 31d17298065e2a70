import Base
import Glibc
import HTTP
import Programs

/// Which libvirt keeps the guests: the machine's own where it answers, else one that is started for them alone.
///
/// One of its own has all its files in one folder, sees nobody else's guests, and listens at a socket in that folder. It
/// is no child: it ends by itself once nobody speaks to it and no guest runs, and until then serves whoever comes back,
/// so that neither the end of this program nor a crash of it does anything to a guest.
struct LibvirtDaemon: Sendable {
    let folder: String
    let actor: String

    private static let machines = geteuid() == 0 ? "qemu:///system" : "qemu:///session"
    private static let program = "/usr/sbin/libvirtd"
    /// How long it waits for somebody to come back before it ends.
    private static let idleSeconds = 10

    private var socket: String { folder + "/libvirt-sock" }

    private var own: String {
        "qemu+unix:///\(geteuid() == 0 ? "system" : "session")?socket=\(PercentCoding.encode(socket, keeping: "/"))"
    }

    /// Where guests once were they are looked for again, whatever else the machine has got since.
    var hasOwn: Bool { Files.exists(folder) }

    /// Where to connect to. What is there may be about to end: then it is asked for again.
    func address(answers: (String) async -> Bool) async throws(Failure) -> String {
        if !hasOwn, Files.exists("/run/libvirt/libvirt-sock") || Files.exists("/run/libvirt/virtqemud-sock"),
            await answers(LibvirtDaemon.machines)
        {
            return LibvirtDaemon.machines
        }
        if hasOwn, await answers(own) { return own }
        try await start()
        return own
    }

    // MARK: One of its own

    private func start() async throws(Failure) {
        guard Files.exists(LibvirtDaemon.program) else {
            throw .unavailable("No libvirt answers on this machine, and \(LibvirtDaemon.program) is not installed.")
        }
        for name in [""] + LibvirtDaemon.places.map({ "/" + $0.name }) { try LocalFiles.make(folder + name) }
        try configure()
        let daemon = [
            LibvirtDaemon.program, "--daemon", "--config", folder + "/libvirtd.conf", "--pid-file", folder + "/pid",
            "--timeout", String(LibvirtDaemon.idleSeconds),
        ]
        if geteuid() == 0 {
            try await Program("unshare", separated(daemon)).run(by: actor)
        } else {
            let homes = [("CONFIG_HOME", "etc"), ("CACHE_HOME", "cache"), ("RUNTIME_DIR", "run"), ("DATA_HOME", "lib")]
            let words = homes.map { "XDG_\($0)=\(folder)/\($1)" }
            try await Program("env", words + daemon).run(by: actor)
        }
    }

    /// Where root's libvirt keeps its things, which cannot be told otherwise.
    private static let places = [
        (name: "etc", path: "/etc/libvirt"), (name: "lib", path: "/var/lib/libvirt"),
        (name: "cache", path: "/var/cache/libvirt"), (name: "run", path: "/run/libvirt"),
    ]

    /// In a view of the file system of its own, in which its folders stand where it looks for them.
    private func separated(_ daemon: [String]) -> [String] {
        var lines = ["set -e"]
        for place in LibvirtDaemon.places {
            lines += ["mkdir -p \(place.path)", "mount --bind \"$0/\(place.name)\" \(place.path)"]
        }
        // It doesn't start without a user of this name, though no guest of ours runs as that.
        if getpwnam("libvirt-qemu") == nil {
            for (file, entry) in [("passwd", "x:0:0::/nonexistent:/usr/sbin/nologin"), ("group", "x:0:")] {
                lines += [
                    "{ cat /etc/\(file); echo 'libvirt-qemu:\(entry)'; } > \"$0/\(file)\"",
                    "mount --bind \"$0/\(file)\" /etc/\(file)",
                ]
            }
        }
        lines.append("exec \"$@\"")
        return ["--mount", "--propagation", "private", "sh", "-c", lines.joined(separator: "\n"), folder] + daemon
    }

    /// Written once: afterwards they are the operator's.
    private func configure() throws(Failure) {
        let daemon = """
            unix_sock_dir = "\(folder)"
            unix_sock_rw_perms = "0700"
            unix_sock_ro_perms = "0700"
            unix_sock_admin_perms = "0700"
            auth_unix_rw = "none"
            auth_unix_ro = "none"
            host_uuid = "\(UUID(SystemChance()).dashed)"
            log_outputs = "3:file:\(folder)/log"

            """
        let guests = """
            # Guests are processes of whoever runs the node, as their files are.
            security_driver = "none"
            user = "+\(geteuid())"
            group = "+\(getegid())"
            namespaces = []
            cgroup_controllers = []
            stdio_handler = "file"

            """
        let qemu = geteuid() == 0 ? folder + "/etc/qemu.conf" : folder + "/etc/libvirt/qemu.conf"
        if geteuid() != 0 { try LocalFiles.make(folder + "/etc/libvirt") }
        for (path, text) in [(folder + "/libvirtd.conf", daemon), (qemu, guests)] where !Files.exists(path) {
            try Files.write(text, to: path)
        }
    }
}
