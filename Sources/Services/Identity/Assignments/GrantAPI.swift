import API
import Base
import HTTP
import Policy
import SQL

/// The paths by which roles are granted: one family for each kind of actor on each kind of target, and on projects and
/// domains another for what the projects below inherit.
struct Grants: Sendable {
    enum ActorKind: String, Sendable { case user, group }
    enum TargetKind: String, Sendable { case project, domain, system }

    let actor: ActorKind
    let target: TargetKind
    let isInherited: Bool

    static let endpoints: [Endpoint<Identity>] = [
        Grants(actor: .user, target: .project, isInherited: false),
        Grants(actor: .group, target: .project, isInherited: false),
        Grants(actor: .user, target: .domain, isInherited: false),
        Grants(actor: .group, target: .domain, isInherited: false),
        Grants(actor: .user, target: .project, isInherited: true),
        Grants(actor: .group, target: .project, isInherited: true),
        Grants(actor: .user, target: .domain, isInherited: true),
        Grants(actor: .group, target: .domain, isInherited: true),
        Grants(actor: .user, target: .system, isInherited: false),
        Grants(actor: .group, target: .system, isInherited: false),
    ].flatMap(\.endpoints)

    private var endpoints: [Endpoint<Identity>] {
        let what = isInherited ? "role that projects inherit" : "role"
        let whose = "a \(actor.rawValue)'s \(what) on \(target == .system ? "the" : "a") \(target.rawValue)"
        var endpoints: [Endpoint<Identity>] = [
            .get(path("/{role_id}"), "Check \(whose)", may: rules.check, check),
            .put(path("/{role_id}"), "Grant \(whose)", may: rules.create, grant),
            .delete(path("/{role_id}"), "Take back \(whose)", may: rules.revoke, revoke),
        ]
        // The reference lists what is inherited for domains only.
        if !isInherited || target == .domain {
            endpoints.append(.get(path(""), "List \(whose)", may: rules.list, list))
        }
        return endpoints
    }

    private func path(_ role: String) -> String {
        let place = target == .system ? "/system" : "/\(target)s/{\(target)_id}"
        let plain = "\(place)/\(actor)s/{\(actor)_id}/roles\(role)"
        return isInherited ? "/OS-INHERIT\(plain)/inherited_to_projects" : plain
    }

    private var rules: (list: Rule, check: Rule, create: Rule, revoke: Rule) {
        switch (target, actor) {
        case (.system, .user):
            (
                .listSystemGrantsForUser, .checkSystemGrantForUser, .createSystemGrantForUser,
                .revokeSystemGrantForUser
            )
        case (.system, .group):
            (
                .listSystemGrantsForGroup, .checkSystemGrantForGroup, .createSystemGrantForGroup,
                .revokeSystemGrantForGroup
            )
        default: (.listGrants, .checkGrant, .createGrant, .revokeGrant)
        }
    }
}

// MARK: Handlers

extension Grants {
    private func list(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let roles = try await call.service.database.read { tx in
            let (actor, target) = try tx.actorAndTarget(of: self, call, role: nil)
            return try tx.grants(to: actor, on: target, inherited: isInherited)
        }
        return .many(roles, call)
    }

    private func check(_ call: Call<Identity>) async throws(Failure) -> Reply {
        try await call.service.database.read { tx in
            let grant = try tx.grant(of: self, call)
            guard try tx.exists(grant) else { throw Failure.notFound(grant) }
        }
        return .noContent
    }

    private func grant(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let tokens = call.service.tokens
        try await call.service.database.write { tx in
            let grant = try tx.grant(of: self, call)
            try tx.allow(grant)
            try tx.insert(grant)
            try tokens.forget(grant.actor, tx)
        }
        return .noContent
    }

    private func revoke(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let tokens = call.service.tokens
        try await call.service.database.write { tx in
            let grant = try tx.grant(of: self, call)
            guard try tx.delete(grant) else { throw Failure.notFound(grant) }
            if case (.user(let user), .project(let project)) = (grant.actor, grant.target) {
                try tx.deleteApplicationCredentials(ofUser: user, onProject: project)
            }
            try tokens.forget(grant.actor, tx)
        }
        return .noContent
    }
}

extension Transaction {
    /// What a path grants, where the caller's reach covers all of it.
    fileprivate func grant(of path: Grants, _ call: Call<Identity>) throws(Failure) -> Assignment {
        let role = try self.role(call.id("role_id"))
        let (actor, target) = try actorAndTarget(of: path, call, role: role)
        return Assignment(actor: actor, target: target, role: role.id, isInherited: path.isInherited)
    }

    /// To whom and on what. Users and groups are looked for only to see that they are there.
    fileprivate func actorAndTarget(
        of path: Grants, _ call: Call<Identity>, role: Role?
    ) throws(Failure) -> (Assignment.Actor, Assignment.Target) {
        let user = path.actor == .user ? try user(call.id("user_id")) : nil
        let group = path.actor == .group ? try group(call.id("group_id")) : nil
        let project = path.target == .project ? try project(call.id("project_id")) : nil
        let domain = path.target == .domain ? try domain(call.id("domain_id")) : nil
        let isCovered = call.scope.covers { name in
            role?.attribute(name) ?? user?.attribute(name) ?? group?.attribute(name) ?? project?.attribute(name)
                ?? domain?.attribute(name)
        }
        guard isCovered else { throw .outOfReach }
        let actor: Assignment.Actor =
            path.actor == .user ? .user(call.id("user_id")) : .group(call.id("group_id"))
        switch path.target {
        case .project: return (actor, .project(call.id("project_id")))
        case .domain: return (actor, .domain(call.id("domain_id")))
        case .system: return (actor, .system)
        }
    }

    /// A role of a domain is granted within that domain only.
    fileprivate func allow(_ grant: Assignment) throws(Failure) {
        guard let owner = try role(grant.role).domain else { return }
        switch grant.target {
        case .domain: return
        case .system:
            throw .invalid(
                "Role \(grant.role) is a domain-specific role. Unable to use a domain-specific role in a system assignment."
            )
        case .project(let id):
            guard try project(id).domain == owner else {
                throw .forbidden(
                    "Project \(id) must be in the same domain as the role \(grant.role) being assigned.")
            }
        }
    }
}

extension Tokens {
    /// A user's roles concern that user alone, a group's all that are in it.
    fileprivate func forget(_ actor: Assignment.Actor, _ tx: Transaction) throws(Failure) {
        switch actor {
        case .user(let id): try forget(user: id, tx)
        case .group: try forgetAll(tx)
        }
    }
}

extension Failure {
    fileprivate static func notFound(_ grant: Assignment) -> Failure {
        Failure(
            .notFound,
            "Could not find role assignment with role: \(grant.role), user or group: \(grant.actor.id), project, domain, or system: \(grant.target.id)."
        )
    }
}
