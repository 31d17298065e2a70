import API
import Base
import Contracts
import HTTP
import Policy
import SQL

/// The hosts as services that can be switched off.
enum ComputeServiceAPI {
    static let endpoints: [Endpoint<Compute>] = [
        .get(
            "/os-services", "List the services of compute", may: .listComputeServices,
            query: [Parameter("host"), Parameter("binary")], list),
        .put(
            "/os-services/{service_id}", "Enable, disable or force down a service", may: .updateComputeService,
            takes: shape, update),
        .delete("/os-services/{service_id}", "Forget a service", may: .deleteComputeService, delete),
    ]

    private static let shape: Shape = .object(
        Fields([
            .required("host", .text(1...255), until: "2.52"), .required("binary", .text(1...255), until: "2.52"),
            .optional("status", .choice(["enabled", "disabled"]), since: "2.53"),
            .optional("disabled_reason", .text(1...255)), .optional("forced_down", .looseBoolean, since: "2.11"),
        ]))

    private static let binary = "nova-compute"
}

extension Rule {
    static let listComputeServices = Rule("os_compute_api:os-services:list", "List the services of compute", May.admin)
    static let updateComputeService = Rule("os_compute_api:os-services:update", "Change a service", May.admin)
    static let deleteComputeService = Rule("os_compute_api:os-services:delete", "Forget a service", May.admin)
}

// MARK: Handlers

extension ComputeServiceAPI {
    private static func list(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let (hosts, roles) = try await call.service.database.read { tx in
            (try tx.computeHosts(), try tx.computeRoles())
        }
        let (host, name) = (call.query["host"] ?? "", call.query["binary"] ?? "")
        let isAsked = { (service: String, on: String) in
            (host.isEmpty || host == on) && (name.isEmpty || name == service)
        }
        return .json { json in
            json.array("services") { json in
                for role in roles where isAsked(role.binary, role.host) { json.object { write(role, to: &$0, call) } }
                for host in hosts where isAsked(binary, host.name) { json.object { write(host, to: &$0, call) } }
            }
        }
    }

    private static func write(_ role: ComputeRole, to json: inout JSONWriter, _ call: Call<Compute>) {
        if call.version >= "2.53" { json.put("id", role.id) } else { json.put("id", role.number) }
        json.put("binary", role.binary)
        json.put("host", role.host)
        json.put("zone", ComputeRole.zone)
        json.put("status", "enabled")
        json.put("state", role.isAlive(at: call.service.world.now, call.service.settings) ? "up" : "down")
        json.put("updated_at", role.seen, as: .bare)
        json.putNull("disabled_reason")
        if call.version >= "2.11" { json.put("forced_down", false) }
    }

    private static func write(_ host: ComputeHost, to json: inout JSONWriter, _ call: Call<Compute>) {
        if call.version >= "2.53" { json.put("id", host.serviceID) } else { json.put("id", host.number) }
        json.put("binary", binary)
        json.put("host", host.name)
        json.put("zone", host.zone)
        json.put("status", host.isDisabled ? "disabled" : "enabled")
        json.put("state", host.isAlive(at: call.service.world.now, call.service.settings) ? "up" : "down")
        json.put("updated_at", host.seen, as: .bare)
        json.put("disabled_reason", host.disabledReason)
        if call.version >= "2.11" { json.put("forced_down", host.isForcedDown) }
    }

    private static func update(_ call: Call<Compute>) async throws(Failure) -> Reply {
        call.version >= "2.53" ? try await updateOne(call) : try await updateByHost(call)
    }

    private static func updateOne(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let (id, body) = (call["service_id"], call.body.object ?? JSON.Object())
        guard UUID(id) != nil else { throw .invalid("Invalid uuid \(id)") }
        let (status, reason) = (body.text("status"), body.text("disabled_reason"))
        guard status != "enabled" || reason == nil else {
            throw .invalid("Specifying 'disabled_reason' with status 'enabled' is invalid.")
        }
        guard status != nil || body.has("forced_down") else {
            throw .invalid("No updates were requested. Fields 'status' or 'forced_down' should be specified.")
        }
        let host = try await call.service.database.write { tx in
            var host = try find(id, call.version, tx)
            if let status {
                host.isDisabled = status == "disabled"
                host.disabledReason = reason
            }
            if let isDown = body.boolean("forced_down") { host.isForcedDown = isDown }
            try tx.update(host)
            return host
        }
        return .json { $0.object("service") { write(host, to: &$0, call) } }
    }

    /// Until 2.52 the path said what to do, and the body to whom.
    private static func updateByHost(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let (action, body) = (call["service_id"], call.body.object ?? JSON.Object())
        let (name, asked) = (try body.required("host"), try body.required("binary"))
        guard asked == binary else {
            throw .invalid(
                "Updating a \(asked) service is not supported. Only nova-compute services can be updated.")
        }
        let reason = body.text("disabled_reason")
        let isDown = body.boolean("forced_down")
        let change: @Sendable (inout ComputeHost) -> Void
        switch action {
        case "enable":
            change = {
                $0.isDisabled = false
                $0.disabledReason = nil
            }
        case "disable": change = { $0.isDisabled = true }
        case "disable-log-reason":
            guard let reason else { throw .invalid("Missing disabled reason field") }
            change = {
                $0.isDisabled = true
                $0.disabledReason = reason
            }
        case "force-down" where call.version >= "2.11":
            guard let isDown else { throw .invalid("Missing forced_down field") }
            change = { $0.isForcedDown = isDown }
        default: throw Failure(.notFound, "Unknown action")
        }
        let host = try await call.service.database.write { tx in
            guard var host = try tx.computeHosts("compute_host.name = \(name)").first else {
                throw Failure(.notFound, "Could not find binary \(asked) on host \(name).")
            }
            change(&host)
            try tx.update(host)
            return host
        }
        return .json { json in
            json.object("service") { json in
                json.put("host", name)
                json.put("binary", asked)
                if action == "force-down" { return json.put("forced_down", host.isForcedDown) }
                json.put("status", host.isDisabled ? "disabled" : "enabled")
                if action == "disable-log-reason" { json.put("disabled_reason", host.disabledReason) }
            }
        }
    }

    /// Forgets a host without servers, and with it what placement knows of it.
    private static func delete(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let id = call["service_id"]
        if call.version >= "2.53" {
            guard UUID(id) != nil else { throw .invalid("Invalid uuid \(id)") }
        } else if Int(id) == nil {
            throw .invalid("Invalid input received: id must be an integer")
        }
        let host = try await call.service.database.read { try find(id, call.version, $0) }
        guard host.servers == 0 else { throw .hasServers }
        let token = try await call.service.tokens.serviceToken()
        do throws(Failure) {
            _ = try await call.service.neighbours.placement.ask(
                "DELETE", "/resource_providers/\(host.provider)", token: token)
        } catch  where error.kind == .notFound {
            // It was never offered, or is gone since an earlier try.
        }
        try await call.service.database.write { tx in
            guard try find(id, call.version, tx).servers == 0 else { throw Failure.hasServers }
            try tx.deleteComputeHost(host.name)
        }
        return .noContent
    }

    private static func find(_ id: String, _ version: Microversion, _ tx: Transaction) throws(Failure) -> ComputeHost {
        let isThis: SQL = version >= "2.53" ? "service_id = \(id)" : "number = \(Int(id) ?? -1)"
        if let host = try tx.computeHosts(isThis).first { return host }
        let role = try tx.computeRoles().first { version >= "2.53" ? $0.id.text == id : "\($0.number)" == id }
        guard let role else { throw Failure(.notFound, "Service \(id) not found.") }
        throw .invalid(
            "Updating a \(role.binary) service is not supported. Only nova-compute services can be updated.")
    }
}

extension Failure {
    fileprivate static let hasServers = Failure.conflict(
        "Unable to delete compute service that is hosting instances. Migrate or delete the instances first.")
}
