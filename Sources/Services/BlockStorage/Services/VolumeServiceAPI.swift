import API
import Base
import HTTP
import Policy
import SQL

extension VolumeServiceRow {
    static let endpoints: [Endpoint<BlockStorage>] = [
        .get(
            "/os-services", "List the services of block storage", may: .listServices,
            query: [Parameter("host"), Parameter("binary")], list),
        .put("/os-services/enable", "Enable a service", may: .updateServices, takes: switchShape) {
            try await change($0, disabled: false, withReason: false)
        },
        .put("/os-services/disable", "Disable a service", may: .updateServices, takes: switchShape) {
            try await change($0, disabled: true, withReason: false)
        },
        .put(
            "/os-services/disable-log-reason", "Disable a service, and say why", may: .updateServices,
            takes: reasonShape
        ) {
            try await change($0, disabled: true, withReason: true)
        },
        .put("/os-services/freeze", "Freeze a backend", may: .updateServices, takes: hostShape) {
            try await freeze($0, true)
        },
        .put("/os-services/thaw", "Thaw a backend", may: .updateServices, takes: hostShape) {
            try await freeze($0, false)
        },
        .put("/os-services/failover_host", "Fail a backend over", may: .updateServices, takes: hostShape, failover),
        .put(
            "/os-services/failover", "Fail a backend over", may: .updateServices, takes: hostShape, since: "3.26",
            failover
        ),
        .put("/os-services/get-log", "Show log levels", may: .updateServices, takes: logShape, since: "3.32", showLog),
        .put("/os-services/set-log", "Set log levels", may: .updateServices, takes: logShape, since: "3.32", setLog),
    ]

    private static let switchFields: [Field] = [
        .optional("binary", .text(1...255)), .optional("host", .text(1...255)),
        .optional("cluster", .looseName), .optional("service", .text(1...255)),
    ]
    private static let switchShape: Shape = .object(Fields(switchFields))
    private static let reasonShape: Shape = .object(
        Fields(switchFields + [.optional("disabled_reason", .text(1...255, format: .name))]))
    private static let hostShape: Shape = .object(
        Fields([
            .optional("host", .text(1...255)), .optional("cluster", .looseName),
            .optional("backend_id", .looseName),
        ]))
    private static let logShape: Shape = .object(
        Fields([
            .optional(
                "binary",
                .nullable(.choice(["", "*", "cinder-api", "cinder-volume", "cinder-scheduler", "cinder-backup"]))),
            .optional("server", .looseName), .optional("prefix", .looseName),
            .optional(
                "level", .nullable(.choice(["INFO", "WARNING", "ERROR", "DEBUG", "info", "warning", "error", "debug"]))),
        ]))
}

extension Rule {
    static let listServices = Rule(
        "volume_extension:services:index", "List the services of block storage", May.admin)
    static let updateServices = Rule("volume_extension:services:update", "Change a service", May.admin)
}

// MARK: Handlers

extension VolumeServiceRow {
    static func list(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        var services = try await call.service.database.read { try $0.volumeServices() }
        if let binary = call.query["binary"] { services = services.filter { $0.binary == binary } }
        if let host = call.query["host"] { services = services.filter { $0.host == host || $0.node == host } }
        let (now, settings, found) = (call.service.world.now, call.service.settings, services)
        return .json { json in
            json.array("services", of: found) { service, json in
                json.object { json in
                    json.put("binary", service.binary)
                    json.put("host", service.host)
                    json.put("zone", service.zone)
                    json.put("status", service.isDisabled ? "disabled" : "enabled")
                    json.put("state", service.isUp(at: now, settings) ? "up" : "down")
                    json.put("updated_at", service.seen, as: .bare)
                    json.put("disabled_reason", service.disabledReason)
                    if call.version >= "3.7" { json.putNull("cluster") }
                    guard service.binary == "cinder-volume" else { return }
                    if call.version >= "3.49" { json.put("backend_state", "up") }
                    json.put("replication_status", "disabled")
                    json.putNull("active_backend_id")
                    json.put("frozen", service.isFrozen)
                }
            }
        }
    }

    private static func change(
        _ call: Call<BlockStorage>, disabled: Bool, withReason: Bool
    ) async throws(Failure) -> Reply {
        guard let body = call.body.object, let binary = body.text("binary") ?? body.text("service") else {
            throw .invalid("Invalid input: binary or service is required.")
        }
        let (host, reason) = (try required(body, "host"), body.text("disabled_reason"))
        let met = try await call.service.database.write { tx in
            try tx.run(
                """
                UPDATE volume_service SET disabled = \(disabled), disabled_reason = \(reason)
                WHERE binary_name = \(binary) AND host = \(host)
                """)
        }
        guard met == 1 else {
            throw Failure(.notFound, "Service \(binary) could not be found on host \(host).")
        }
        return .json { json in
            json.put("host", host)
            json.put("service", body.text("service") ?? "")
            json.put("binary", body.text("binary") ?? "")
            json.put("status", disabled ? "disabled" : "enabled")
            json.put("disabled", disabled)
            if withReason { json.put("disabled_reason", reason) }
        }
    }

    private static func required(_ body: JSON.Object, _ name: String) throws(Failure) -> String {
        guard let text = body.text(name) else { throw .invalid("Invalid input: \(name) is required.") }
        return text
    }

    private static func backend(_ call: Call<BlockStorage>) throws(Failure) -> String {
        try required(call.body.object ?? JSON.Object(), "host")
    }

    /// A frozen backend takes no new volumes, and neither loses nor changes any.
    private static func freeze(_ call: Call<BlockStorage>, _ isFrozen: Bool) async throws(Failure) -> Reply {
        let host = try backend(call)
        let met = try await call.service.database.write { tx in
            try tx.run(
                """
                UPDATE volume_service SET frozen = \(isFrozen), disabled = \(isFrozen),
                    disabled_reason = \(isFrozen ? "frozen" : nil)
                WHERE binary_name = 'cinder-volume' AND host = \(host)
                """)
        }
        guard met == 1 else { throw .invalidInput("Service cinder-volume could not be found on host \(host).") }
        return Reply(200)
    }

    /// No backend here is replicated, so none can be failed over.
    private static func failover(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let host = try backend(call)
        let services = try await call.service.database.read { try $0.volumeServices("cinder-volume") }
        guard services.contains(where: { $0.host == host }) else {
            throw .invalidInput("Service cinder-volume could not be found on host \(host).")
        }
        throw .invalid("Backend \(host) is not replicated: there is nothing to fail over to.")
    }

    private static func showLog(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let binary = call.body["binary"]?.string ?? ""
        let services = try await call.service.database.read { try $0.volumeServices() }
        let wanted = services.filter { binary.isEmpty || binary == "*" || $0.binary == binary }
        return .json { json in
            json.array("log_levels", of: wanted) { service, json in
                json.object { json in
                    json.put("host", service.host)
                    json.put("binary", service.binary)
                    json.object("levels") { $0.put("", "INFO") }
                }
            }
        }
    }

    /// The program has one log, whose level is set where it is started.
    private static func setLog(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        throw Failure(.notImplemented, "Log levels are set where the program is started.")
    }
}
