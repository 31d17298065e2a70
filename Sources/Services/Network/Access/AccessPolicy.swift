import API
import Base
import SQL

/// What an RBAC policy grants: the use of one thing to one project, or to everybody.
enum AccessPolicy {
    enum Action: String, SQL.Bindable {
        case shared = "access_as_shared"
        case external = "access_as_external"
    }

    static let everybody = "*"

    static let created = Migration(
        "create rbac",
        """
        CREATE TABLE network_rbac (
            id          VARCHAR(36)  NOT NULL PRIMARY KEY,
            project_id  VARCHAR(255) NOT NULL,
            object_type VARCHAR(64)  NOT NULL,
            object_id   VARCHAR(36)  NOT NULL,
            target      VARCHAR(255) NOT NULL,
            action      VARCHAR(64)  NOT NULL,
            UNIQUE (object_id, target, action)
        )
        """)

    /// What everybody and the viewer were given of some things.
    static func source(_ things: SQL, _ viewer: Viewer) -> SQL {
        """
        SELECT object_id AS owner, action, target FROM network_rbac WHERE object_id IN \(things)
        AND (action = \(Action.external) OR target IN (\(everybody), \(viewer.project))) ORDER BY action, target
        """
    }

    /// The ids of the things of a kind that somebody was given.
    static func objects(of type: String, _ action: Action, for viewer: Viewer) -> SQL {
        """
        SELECT object_id FROM network_rbac
        WHERE object_type = \(type) AND action = \(action) AND target IN (\(everybody), \(viewer.project))
        """
    }
}

extension Resource {
    /// The kinds of things that can be shared, and the ways.
    static let shareable: [String: (resource: Resource, actions: [AccessPolicy.Action])] = [
        "network": (.network, [.shared, .external]), "subnetpool": (.subnetPool, [.shared]),
        "address_scope": (.addressScope, [.shared]), "security_group": (.securityGroup, [.shared]),
        "qos_policy": (.qosPolicy, [.shared]), "address_group": (.addressGroup, [.shared]),
    ]

    /// As grants call it.
    var sharedName: String { one == "policy" ? "qos_policy" : one }

    static let accessPolicy: Resource = Resource(
        "rbac_policy", "rbac_policies", path: "rbac-policies", table: "network_rbac", quota: 10,
        missing: { .missing("RbacPolicyNotFound", "RBAC policy of type rbac_policy with ID \($0) not found") },
        attributes: [
            .id, .project,
            Attribute("object_type", .text, set: .create, .choice(Resource.shareable.keys.sorted()), or: .required),
            Attribute("object_id", .text, set: .create, .text(1...36), or: .required),
            Attribute("target_tenant", .text, column: "target", set: .always, .text(1...255), or: .required),
            Attribute("action", .text, set: .create, .text(1...255), or: .required),
        ],
        create: { draft, desk throws(Failure) in try desk.grant(draft) },
        update: { changes, before, desk throws(Failure) in
            if changes.has("target_tenant"), changes["target_tenant"] != before["target_tenant"] {
                try desk.requireUnused(before, movingTo: changes.text("target_tenant"))
            }
            try desk.change(.accessPolicy, before.id, changes)
            try desk.touchShared(before)
        },
        delete: { policy, desk throws(Failure) in
            try desk.requireUnused(policy)
            try desk.remove(.accessPolicy, policy.id)
            try desk.touchShared(policy)
        })
}

extension Desk {
    fileprivate func grant(_ policy: Document) throws(Failure) {
        let type = policy.text("object_type") ?? ""
        let action = policy.text("action") ?? ""
        guard let kind = Resource.shareable[type], kind.actions.contains(where: { $0.rawValue == action }) else {
            let actions = Resource.shareable[type]?.actions.map(\.rawValue) ?? []
            throw .input("Invalid action '\(action)' for object type '\(type)'. Valid actions: \(actions)")
        }
        let object = try visible(kind.resource, policy.text("object_id") ?? "")
        guard isAdmin || object.project == policy.project else {
            throw .input("Only administrators can share what belongs to another project")
        }
        if type == "subnetpool", let scope = object.text("address_scope_id") {
            try requireScope(scope, of: policy.text("target_tenant") ?? "")
        }
        do throws(Failure) { try insert(.accessPolicy, policy) } catch  where error.kind == .conflict {
            throw .clash("DuplicateSharedResource", "An RBAC policy already exists with those values.")
        }
        try touchShared(policy)
    }

    /// Whom a thing is shared with is a part of it: its revision tells.
    fileprivate func touchShared(_ policy: Document) throws(Failure) {
        guard let kind = Resource.shareable[policy.text("object_type") ?? ""]?.resource, kind.isRevised else { return }
        try touch(kind, policy.text("object_id") ?? "")
    }

    /// Whoever is to use a pool has to see the scope that it is in.
    private func requireScope(_ scope: String, of target: String) throws(Failure) {
        let granted: SQL = """
            SELECT 1 FROM network_rbac WHERE object_id = \(scope) AND target IN (\(AccessPolicy.everybody), \(target))
            UNION SELECT 1 FROM network_address_scope WHERE id = \(scope) AND project_id = \(target)
            """
        guard try tx.exists(granted) else {
            throw .input("The pool's address scope \(scope) is not shared with project \(target)")
        }
    }

    /// A grant stays for as long as somebody else builds on it.
    ///
    /// - Parameter project: who is given it instead.
    fileprivate func requireUnused(_ policy: Document, movingTo project: String? = nil) throws(Failure) {
        let object = policy.text("object_id") ?? ""
        let target = policy.text("target_tenant") ?? ""
        let isExternal = policy.text("action") == AccessPolicy.Action.external.rawValue
        var users = Set(
            try tx.rows(users(of: object, policy.text("object_type") ?? "", isExternal)) {
                try $0.text("project_id")
            })
        users.remove("")
        if target != AccessPolicy.everybody { users.formIntersection([target]) }
        if isExternal, target == AccessPolicy.everybody { try requireNotDefault(object) }
        let isCounted = target == AccessPolicy.everybody && policy.text("object_type") != "network"
        // Whoever gave a thing to everybody counts as one of them, but for networks.
        if !isExternal, !isCounted, let table = Resource.shareable[policy.text("object_type") ?? ""]?.resource.table {
            let owner = try tx.row("SELECT project_id FROM \(SQL.raw(table)) WHERE id = \(object)") {
                try $0.text("project_id")
            }
            users.remove(owner ?? "")
        }
        // What another grant allows as well isn't lost.
        let others: SQL = "object_id = \(object) AND action = \(policy.text("action") ?? "") AND id <> \(policy.id)"
        var covered = Set(try tx.rows("SELECT target FROM network_rbac WHERE \(others)") { try $0.text("target") })
        // The way out doesn't close for who is given it by name instead.
        if isExternal, let project { covered.insert(project) }
        guard covered.contains(AccessPolicy.everybody) || users.isSubset(of: covered) else {
            throw .clash(
                "RbacPolicyInUse",
                "RBAC policy on object \(object) cannot be removed because other objects depend on it.")
        }
    }

    /// Projects without a network of their own are led out over the default one: it stays everybody's.
    private func requireNotDefault(_ network: String) throws(Failure) {
        guard try tx.exists("SELECT 1 FROM network_network WHERE id = \(network) AND is_default = 1") else { return }
        throw .clash(
            "RbacPolicyInUse",
            "RBAC policy on object \(network) cannot be removed because other objects depend on it.\nDetails: Default external networks must be shared to everyone."
        )
    }

    /// The projects of those who build on a thing.
    private func users(of object: String, _ type: String, _ isExternal: Bool) -> SQL {
        switch type {
        case "network" where isExternal:
            """
            SELECT project_id FROM network_router
            WHERE gateway_port_id IN (SELECT id FROM network_port WHERE network_id = \(object))
            """
        case "network": "SELECT project_id FROM network_port WHERE network_id = \(object)"
        case "subnetpool": "SELECT project_id FROM network_subnet WHERE subnetpool_id = \(object)"
        case "address_scope": "SELECT project_id FROM network_subnetpool WHERE address_scope_id = \(object)"
        case "address_group":
            """
            SELECT g.project_id FROM network_security_group g JOIN network_security_group_rule r
            ON r.security_group_id = g.id WHERE r.remote_address_group_id = \(object)
            """
        case "qos_policy":
            """
            SELECT project_id FROM network_network WHERE qos_policy_id = \(object)
            UNION SELECT project_id FROM network_port WHERE qos_policy_id = \(object)
            """
        default:
            """
            SELECT p.project_id FROM network_port p JOIN network_port_group g ON g.port_id = p.id
            WHERE g.group_id = \(object)
            """
        }
    }

    // MARK: Sharing with everybody

    /// Fills in what everybody's and the viewer's own grants say.
    func addSharing(_ resource: Resource, to documents: inout [Document]) throws(Failure) {
        guard resource.attribute("shared")?.kept == nil, resource.attribute("shared") != nil else { return }
        let ids = documents.map(\.id)
        let shared = Set(
            try tx.rows(
                """
                SELECT object_id FROM network_rbac WHERE object_id IN \(.list(ids))
                AND action = \(AccessPolicy.Action.shared) AND target IN (\(AccessPolicy.everybody), \(viewer.project))
                """
            ) { try $0.text("object_id") })
        for index in documents.indices { documents[index]["shared"] = .bool(shared.contains(documents[index].id)) }
    }

    func share(
        _ resource: Resource, _ id: String, of project: String, _ action: AccessPolicy.Action = .shared
    ) throws(Failure) {
        try tx.insert(
            into: "network_rbac",
            [
                "id": newID(), "project_id": project, "object_type": resource.sharedName, "object_id": id,
                "target": AccessPolicy.everybody, "action": action,
            ])
    }

    func setSharing(_ resource: Resource, _ document: Document, _ isShared: Bool) throws(Failure) {
        guard isShared != document.flag("shared") else { return }
        if isShared { return try share(resource, document.id, of: document.project) }
        let grant: SQL = """
            object_id = \(document.id) AND target = \(AccessPolicy.everybody)
            AND action = \(AccessPolicy.Action.shared)
            """
        for policy in try rows(.accessPolicy, where: grant) {
            do throws(Failure) { try requireUnused(policy) } catch  where resource.one == "network" {
                throw .clash(
                    "InvalidSharedSetting",
                    "Unable to reconfigure sharing settings for network \(document.id). Multiple tenants are using it.")
            }
        }
        try tx.run("DELETE FROM network_rbac WHERE \(grant)")
    }
}
