import API
import Base
import Policy
import SQL

extension User {
    static let endpoints: [Endpoint<Identity>] = [
        .get("/users", "List users", may: .listUsers, query: filterParameters + paging, list),
        .post(
            "/users", "Create a user", may: .createUser,
            takes: .wrapped("user", [.required("name", name)] + fields, others: .allowed), create),
        .get("/users/{user_id}", "Show a user", may: .getUser, show),
        .patch(
            "/users/{user_id}", "Update a user", may: .updateUser,
            takes: .wrapped("user", [.optional("name", name)] + fields, others: .allowed), update),
        .delete("/users/{user_id}", "Delete a user", may: .deleteUser, delete),
        Endpoint(
            "POST", "/users/{user_id}/password", "Change one's own password", access: .open,
            body: .json(
                .wrapped(
                    "user", [.required("original_password", Password.shape), .required("password", Password.shape)],
                    others: .allowed)),
            changePassword),
        .get(
            "/users/{user_id}/groups", "List a user's groups", may: .listGroupsForUser, query: [Parameter("name")],
            groups),
        .get(
            "/users/{user_id}/projects", "List a user's projects", may: .listUserProjects, query: [Parameter("name")],
            projects),
    ]

    private static let name: Shape = .text(1...255, format: .name)
    private static let fields: [Field] = [
        .optional("password", .nullable(.text(0...4_096))), .optional("enabled", .looseBoolean),
        .optional("default_project_id", .nullable(.text(1...64))), .optional("domain_id", .text(1...64)),
        .optional("description", .description), .optional("email", .nullable(.text(0...65_535))),
        .optional("options", .object(UserOptions.fields)),
    ]
    private static let filterParameters: [Parameter] = [
        Parameter("name"), Parameter("domain_id"), Parameter("enabled", .looseBoolean),
        Parameter("password_expires_at"),
        Parameter("idp_id"), Parameter("protocol_id"), Parameter("unique_id"),
    ]
}

/// The switches that a user may have.
enum UserOptions {
    private static let flag: Shape = .nullable(.boolean)
    static let fields = Fields([
        .optional("ignore_change_password_upon_first_use", flag), .optional("ignore_password_expiry", flag),
        .optional("ignore_lockout_failure_attempts", flag), .optional("lock_password", flag),
        .optional("ignore_user_inactivity", flag), .optional("multi_factor_auth_enabled", flag),
        .optional("multi_factor_auth_rules", .nullable(.list(of: .list(of: .text(1...64), count: 1...16)))),
    ])
}

extension Rule {
    private static let seenBy =
        "\(May.adminOrSystemReader) or (role:reader and token.domain.id:%(target.user.domain_id)s) or user_id:%(target.user.id)s"
    private static let managedBy = "\(May.admin) or (role:manager and token.domain.id:%(target.user.domain_id)s)"

    static let getUser = Rule("identity:get_user", "Show a user", seenBy)
    static let listUsers = Rule("identity:list_users", "List users", May.adminOrReader(ofDomain: "target.domain_id"))
    static let createUser = Rule("identity:create_user", "Create a user", managedBy)
    static let updateUser = Rule("identity:update_user", "Update a user", managedBy)
    static let deleteUser = Rule("identity:delete_user", "Delete a user", managedBy)
    static let listGroupsForUser = Rule(
        "identity:list_groups_for_user", "List a user's groups",
        "\(May.adminOrReader(ofDomain: "target.user.domain_id")) or user_id:%(user_id)s")
    static let listUserProjects = Rule(
        "identity:list_user_projects", "List a user's projects",
        "\(May.adminOrReader(ofDomain: "target.user.domain_id")) or user_id:%(target.user.id)s")
}

// MARK: Handlers

extension User {
    static func list(_ call: Call<Identity>) async throws(Failure) -> Reply {
        .many(
            try await call.service.database.read {
                try $0.users(call.listing, in: call.scopeOfList("target.domain_id"))
            },
            call)
    }

    static func show(_ call: Call<Identity>) async throws(Failure) -> Reply {
        .one(try await call.service.database.read { try $0.user(call.id("user_id"), in: call.scope) }, call)
    }

    static func create(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let (service, body) = (call.service, try call.fields("user"))
        let user = try User(body, id: .hex(service.world.chance), domain: body.id("domain_id") ?? call.ownDomain)
        // The rule is asked about the domain that the body names: who manages one has to say that it is this one.
        let isNamed = body.has("domain_id")
        guard call.scope.covers({ isNamed || $0 == "target.user.id" ? user.attribute($0) : nil }) else {
            throw .outOfReach
        }
        let password = try await service.newPassword(body, of: user)
        let made = try await service.database.write { tx in
            var user = user
            try tx.insert(user)
            if let password { try tx.setPassword(password, of: &user, keeping: service.settings.passwordHistory) }
            return user
        }
        return .one(made, call, status: 201)
    }

    static func update(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let (service, body, id) = (call.service, try call.fields("user"), call.id("user_id") as ID<User>)
        let before = try await service.database.read { try $0.user(id, in: call.scope) }
        var changed = before
        try changed.change(body)
        let password = try await service.newPassword(body, of: changed)
        let user = try await service.database.write { tx in
            var user = try tx.user(id, in: call.scope)
            try user.change(body)
            try tx.update(user)
            if let password { try tx.setPassword(password, of: &user, keeping: service.settings.passwordHistory) }
            if password != nil || !user.isEnabled { try service.tokens.revoke(allOf: id, tx) }
            if !user.isEnabled { try tx.deleteApplicationCredentials(ofUser: id) }
            try service.tokens.forget(user: id, tx)
            return user
        }
        return .one(user, call)
    }

    static func delete(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let (service, id) = (call.service, call.id("user_id") as ID<User>)
        try await service.database.write { tx in
            _ = try tx.user(id, in: call.scope)
            try tx.deleteUser(id)
            try service.tokens.forget(user: id, tx)
        }
        return .noContent
    }

    static func changePassword(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let body = try call.fields("user")
        try await call.service.changePassword(
            of: call.id("user_id"), from: try body.required("original_password"), to: try body.required("password"))
        return .noContent
    }

    static func groups(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let groups = try await call.service.database.read { tx in
            let user = try tx.user(call.id("user_id"), in: call.scope)
            return try tx.groups(of: user.id, call.query)
        }
        return .many(groups.filter { call.isWithin($0.domain.text) }, call)
    }

    static func projects(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let projects = try await call.service.database.read { tx in
            let user = try tx.user(call.id("user_id"), in: call.scope)
            return try tx.projects(openTo: user.id, call.query)
        }
        return .many(projects, call)
    }
}
