import API
import Base
import Policy
import SQL

extension Group {
    static let endpoints: [Endpoint<Identity>] = [
        .get(
            "/groups", "List groups", may: .listGroups, query: [Parameter("name"), Parameter("domain_id")] + paging,
            list),
        .post(
            "/groups", "Create a group", may: .createGroup,
            takes: .wrapped("group", [.required("name", name)] + fields, others: .allowed), create),
        .get("/groups/{group_id}", "Show a group", may: .getGroup, show),
        .patch(
            "/groups/{group_id}", "Update a group", may: .updateGroup,
            takes: .wrapped("group", [.optional("name", name)] + fields, others: .allowed), update),
        Endpoint(
            "DELETE", "/groups/{group_id}", "Delete a group", access: .decided(by: [.deleteGroup]), delete),
        .get(
            "/groups/{group_id}/users", "List the users in a group", may: .listUsersInGroup, query: [Parameter("name")],
            users),
        .put("/groups/{group_id}/users/{user_id}", "Add a user to a group", may: .addUserToGroup, addUser),
        .get(
            "/groups/{group_id}/users/{user_id}", "Check whether a user is in a group", may: .checkUserInGroup,
            checkUser),
        .delete(
            "/groups/{group_id}/users/{user_id}", "Remove a user from a group", may: .removeUserFromGroup, removeUser),
    ]

    private static let name: Shape = .text(1...64, format: .name)
    private static let fields: [Field] = [
        .optional("domain_id", .text(1...64)), .optional("description", .description),
    ]
}

extension Rule {
    private static let seenBy = May.adminOrReader(ofDomain: "target.group.domain_id")
    private static let managedBy = May.adminOrManager(ofDomain: "target.group.domain_id")

    static let getGroup = Rule("identity:get_group", "Show a group", seenBy)
    static let listGroups = Rule("identity:list_groups", "List groups", seenBy)
    static let createGroup = Rule("identity:create_group", "Create a group", managedBy)
    static let updateGroup = Rule("identity:update_group", "Update a group", managedBy)
    static let deleteGroup = Rule("identity:delete_group", "Delete a group", managedBy)
    static let listUsersInGroup = Rule("identity:list_users_in_group", "List the users in a group", seenBy)
    static let addUserToGroup = Rule("identity:add_user_to_group", "Add a user to a group", membersManagedBy)
    static let removeUserFromGroup = Rule(
        "identity:remove_user_from_group", "Remove a user from a group", membersManagedBy)
    static let checkUserInGroup = Rule(
        "identity:check_user_in_group", "Check whether a user is in a group",
        "\(May.adminOrSystemReader) or (role:reader and domain_id:%(target.group.domain_id)s and domain_id:%(target.user.domain_id)s)"
    )

    private static let membersManagedBy =
        "\(May.admin) or (role:manager and domain_id:%(target.group.domain_id)s and domain_id:%(target.user.domain_id)s)"
}

// MARK: Handlers

extension Group {
    static func list(_ call: Call<Identity>) async throws(Failure) -> Reply {
        .many(
            try await call.service.database.read {
                try $0.groups(call.listing, in: call.scopeOfList("target.group.domain_id"))
            }, call)
    }

    static func show(_ call: Call<Identity>) async throws(Failure) -> Reply {
        .one(try await call.service.database.read { try $0.group(call.id("group_id"), in: call.scope) }, call)
    }

    static func create(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let body = try call.fields("group")
        let group = try Group(body, id: .hex(call.service.world.chance), domain: body.id("domain_id") ?? call.ownDomain)
        guard call.scope.covers(group.attribute) else { throw .outOfReach }
        try await call.service.database.write { try $0.insert(group) }
        return .one(group, call, status: 201)
    }

    static func update(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let body = try call.fields("group")
        let group = try await call.service.database.write { tx in
            var group = try tx.group(call.id("group_id"), in: call.scope)
            try group.change(body)
            try tx.update(group)
            return group
        }
        return .one(group, call)
    }

    static func delete(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let tokens = call.service.tokens
        try await call.service.database.write { tx in
            let group = try call.admit(try tx.group(call.id("group_id")), under: .deleteGroup)
            try tx.deleteGroup(group.id)
            try tokens.forgetAll(tx)
        }
        return .noContent
    }

    static func users(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let users = try await call.service.database.read { tx in
            let group = try tx.group(call.id("group_id"), in: call.scope)
            return try tx.users(in: group.id, call.query)
        }
        return .many(users.filter { call.isWithin($0.domain.text) }, call)
    }

    static func checkUser(_ call: Call<Identity>) async throws(Failure) -> Reply {
        try await call.service.database.read { tx in
            let (group, user) = try tx.member(call)
            guard try tx.isMember(user.id, of: group.id) else {
                throw Failure.notFound("user", "\(user.id) in group \(group.id)")
            }
        }
        return .noContent
    }

    static func addUser(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let tokens = call.service.tokens
        try await call.service.database.write { tx in
            let (group, user) = try tx.member(call)
            try tx.addMember(user.id, to: group.id)
            try tokens.forget(user: user.id, tx)
        }
        return .noContent
    }

    static func removeUser(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let tokens = call.service.tokens
        try await call.service.database.write { tx in
            let (group, user) = try tx.member(call)
            guard try tx.isMember(user.id, of: group.id) else {
                throw Failure.notFound("user", "\(user.id) in group \(group.id)")
            }
            try tx.removeMember(user.id, from: group.id)
            try tokens.forget(user: user.id, tx)
        }
        return .noContent
    }
}

extension Transaction {
    /// The group and the user of a path, where the caller's reach covers both.
    fileprivate func member(_ call: Call<Identity>) throws(Failure) -> (Group, User) {
        let groupID: ID<Group> = call.id("group_id")
        let userID: ID<User> = call.id("user_id")
        let group: Group? = try row("SELECT * FROM user_group WHERE id = \(groupID)")
        let user: User? = try row("SELECT * FROM user WHERE id = \(userID)")
        guard call.scope.covers({ group?.attribute($0) ?? user?.attribute($0) }) else { throw .outOfReach }
        guard let group else { throw .notFound(Group.one, groupID.text) }
        guard let user else { throw .notFound(User.one, userID.text) }
        return (group, user)
    }
}
