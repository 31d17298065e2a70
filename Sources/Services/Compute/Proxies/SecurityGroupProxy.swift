import API
import Base
import HTTP
import Policy

/// `/os-security-groups`: the network service's groups, with what comes in and not what goes out.
enum SecurityGroupProxy {
    static let endpoints: [Endpoint<Compute>] = [
        Endpoint(
            "GET", "/os-security-groups", "List security groups", access: .decided(by: [.listSecurityGroups]),
            query: ["all_tenants", "limit", "offset"].map { Parameter($0) }, until: Proxy.last, list),
        Endpoint(
            "POST", "/os-security-groups", "Create a security group", access: .decided(by: [.createSecurityGroup]),
            body: .json(shape), until: Proxy.last, create),
        Endpoint(
            "GET", path, "Show a security group", access: .decided(by: [.showSecurityGroup]), until: Proxy.last, show),
        Endpoint(
            "PUT", path, "Update a security group", access: .decided(by: [.updateSecurityGroup]), body: .json(shape),
            until: Proxy.last, update),
        Endpoint(
            "DELETE", path, "Delete a security group", access: .decided(by: [.deleteSecurityGroup]), until: Proxy.last,
            delete),
    ]

    private static let path = "/os-security-groups/{group_id}"
    private static let shape: Shape = .wrapped(
        "security_group", [.required("name", .text(0...255)), .required("description", .text(0...255))],
        others: .allowed)

    // MARK: Handlers

    private static func list(_ call: Call<Compute>) async throws(Failure) -> Reply {
        try call.require(.listSecurityGroups, of: call.ownTarget)
        let isForAll = call.caller.isAdmin && call.query.has("all_tenants")
        let whose = isForAll ? "" : "?project_id=\(call.caller.projectID ?? "")"
        let found = try await call.network("GET", "/security-groups" + whose)["security_groups"]?.array ?? []
        let groups = try call.piece(of: found).sorted { order($0) < order($1) }
        let names = await names(of: groups, call)
        return .json { json in
            json.array("security_groups", of: groups) { group, json in json.object { write(group, names, to: &$0) } }
        }
    }

    private static func order(_ group: JSON) -> String {
        (group["tenant_id"]?.string ?? "") + " " + (group["name"]?.string ?? "")
    }

    private static func show(_ call: Call<Compute>) async throws(Failure) -> Reply {
        try call.require(.showSecurityGroup, of: call.ownTarget)
        return await reply(try await call.network("GET", "/security-groups/\(try id(call))"), call)
    }

    private static func create(_ call: Call<Compute>) async throws(Failure) -> Reply {
        try call.require(.createSecurityGroup, of: call.ownTarget)
        do throws(Failure) {
            return await reply(try await call.network("POST", "/security-groups", try body(call)), call)
        } catch  where error.kind == .conflict || error.kind == .overQuota {
            throw .forbidden(error.message)
        }
    }

    private static func update(_ call: Call<Compute>) async throws(Failure) -> Reply {
        try call.require(.updateSecurityGroup, of: call.ownTarget)
        let id = try id(call)
        do throws(Failure) {
            return await reply(try await call.network("PUT", "/security-groups/\(id)", try body(call)), call)
        } catch  where error.kind == .conflict {
            throw .invalid(error.message)
        }
    }

    private static func delete(_ call: Call<Compute>) async throws(Failure) -> Reply {
        try call.require(.deleteSecurityGroup, of: call.ownTarget)
        let id = try id(call)
        do throws(Failure) { _ = try await call.network("DELETE", "/security-groups/\(id)") } catch
            where error.kind == .conflict
        {
            throw .invalid(error.message)
        }
        return Reply(202)
    }

    private static func id(_ call: Call<Compute>) throws(Failure) -> String {
        try call.uuid("group_id", absent: .invalid("Security group id should be uuid"))
    }

    private static func body(_ call: Call<Compute>) throws(Failure) -> JSON {
        let group = try call.fields("security_group")
        return ["security_group": ["name": group["name"] ?? "", "description": group["description"] ?? ""]]
    }

    private static func reply(_ answer: JSON, _ call: Call<Compute>) async -> Reply {
        let group = answer["security_group"] ?? .null
        let names = await names(of: [group], call)
        return .json { $0.object("security_group") { write(group, names, to: &$0) } }
    }

    // MARK: On the wire

    /// The groups that rules name as where things may come from, by id.
    static func names(of groups: [JSON], _ call: Call<Compute>) async -> [String: JSON] {
        var known: [String: JSON] = [:]
        for group in groups { known[group["id"]?.string ?? ""] = group }
        let named = groups.flatMap { $0["security_group_rules"]?.array ?? [] }.compactMap {
            $0["remote_group_id"]?.string
        }
        for id in Set(named) where known[id] == nil {
            known[id] = (try? await call.network("GET", "/security-groups/\(id)"))?["security_group"]
        }
        return known
    }

    private static func write(_ group: JSON, _ names: [String: JSON], to json: inout JSONWriter) {
        json.put("id", group["id"] ?? .null)
        json.put("name", group["name"] ?? .null)
        json.put("description", group["description"] ?? .null)
        json.put("tenant_id", group["tenant_id"] ?? .null)
        let rules = (group["security_group_rules"]?.array ?? []).filter { $0["direction"] == "ingress" }
        json.array("rules", of: rules) { rule, json in
            json.object { SecurityGroupRuleProxy.write(rule, names, to: &$0) }
        }
    }
}

extension Rule {
    static let listSecurityGroups = Rule("os_compute_api:os-security-groups:get", "List security groups", May.reader)
    static let showSecurityGroup = Rule("os_compute_api:os-security-groups:show", "Show a security group", May.reader)
    static let createSecurityGroup = Rule("os_compute_api:os-security-groups:create", "Create a group", May.member)
    static let updateSecurityGroup = Rule("os_compute_api:os-security-groups:update", "Update a group", May.member)
    static let deleteSecurityGroup = Rule("os_compute_api:os-security-groups:delete", "Delete a group", May.member)
    static let allowIntoGroup = Rule("os_compute_api:os-security-groups:rule:create", "Create a rule", May.member)
    static let refuseIntoGroup = Rule("os_compute_api:os-security-groups:rule:delete", "Delete a rule", May.member)
}
