import API
import Base
import HTTP
import Policy
import SQL

extension ServerGroup {
    static let endpoints: [Endpoint<Compute>] = [
        .get(
            "/os-server-groups", "List server groups", may: .listServerGroups,
            query: [Parameter("all_projects"), Parameter("limit"), Parameter("offset")], list),
        Endpoint(
            "POST", "/os-server-groups", "Create a server group", access: .decided(by: [.createServerGroup]),
            body: .json(shape), create),
        .get("/os-server-groups/{server_group_id}", "Show a server group", may: .showServerGroup, show),
        .delete("/os-server-groups/{server_group_id}", "Delete a server group", may: .deleteServerGroup, delete),
    ]

    private static let policies = Policy.allCases.map(\.rawValue)

    private static let shape: Shape = .wrapped(
        "server_group",
        [
            .required("name", .name),
            .required("policies", .list(of: .choice(["anti-affinity", "affinity"]), count: 1...1), until: "2.14"),
            .required("policies", .list(of: .choice(policies), count: 1...1), since: "2.15", until: "2.63"),
            .required("policy", .choice(policies), since: "2.64"),
            .optional(
                "rules",
                .object(Fields([.optional("max_server_per_host", .looseInteger(1...Int64(Int32.max)))])), since: "2.64"),
        ])
}

extension Rule {
    static let listServerGroups = Rule("os_compute_api:os-server-groups:index", "List server groups", May.reader)
    static let listAllServerGroups = Rule(
        "os_compute_api:os-server-groups:index:all_projects", "List all projects' server groups", May.admin)
    static let createServerGroup = Rule("os_compute_api:os-server-groups:create", "Create a server group", May.member)
    static let showServerGroup = Rule("os_compute_api:os-server-groups:show", "Show a server group", May.reader)
    static let deleteServerGroup = Rule("os_compute_api:os-server-groups:delete", "Delete a server group", May.member)
}

// MARK: Handlers

extension ServerGroup {
    static func list(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let isForAll = call.query.has("all_projects") && call.allows(.listAllServerGroups)
        let condition: SQL = isForAll ? "1 = 1" : "project_id = \(call.caller.projectID ?? "")"
        let (limit, offset) = (try call.limit(), try call.query.integer("offset") ?? 0)
        guard offset >= 0 else { throw .field("offset", "must not be negative") }
        let groups = try await call.service.database.read {
            try $0.serverGroups(condition, offset: offset, limit: limit)
        }
        return .json { json in
            json.array("server_groups", of: groups) { group, json in
                json.object { group.write(to: &$0, at: call.version) }
            }
        }
    }

    static func show(_ call: Call<Compute>) async throws(Failure) -> Reply {
        .one(
            try await call.service.database.read { try $0.serverGroup(call.id("server_group_id"), in: call.scope) },
            call)
    }

    static func create(_ call: Call<Compute>) async throws(Failure) -> Reply {
        try call.require(.createServerGroup, of: call.ownTarget)
        let (body, service) = (try call.fields("server_group"), call.service)
        let word = body.text("policy") ?? body["policies"]?.array?.first?.string ?? ""
        guard let policy = Policy(rawValue: word) else { throw .field("server_group.policy", "is not known") }
        let most = body["rules"]?.object?.integer("max_server_per_host")
        guard most == nil || policy == .antiAffinity else {
            throw .invalid("Only anti-affinity policy supports rules.")
        }
        let group = ServerGroup(
            id: .uuid(service.world.chance), project: call.caller.projectID ?? "", user: call.caller.user.id,
            name: try body.required("name").trimmed, policy: policy, mostPerHost: most, created: service.world.now)
        try await service.database.write { tx in
            let limits = try tx.limits(of: group.project, user: group.user, service.settings)
            let limit = limits["server_groups"]
            let there = try tx.use(of: group.project).serverGroups
            guard limit < 0 || there < limit else {
                throw Failure.forbidden("Quota exceeded, too many server groups.")
            }
            try tx.insert(group)
        }
        return .one(group, call)
    }

    static func delete(_ call: Call<Compute>) async throws(Failure) -> Reply {
        try await call.service.database.write { tx in
            let group = try tx.serverGroup(call.id("server_group_id"), in: call.scope)
            try tx.deleteServerGroup(group.id)
        }
        return .noContent
    }
}

extension Reply {
    fileprivate static func one(_ group: ServerGroup, _ call: Call<Compute>) -> Reply {
        .json { $0.object("server_group") { group.write(to: &$0, at: call.version) } }
    }
}
