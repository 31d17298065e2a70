import API
import Base
import HTTP
import Policy
import SQL

extension Member {
    static let endpoints: [Endpoint<ImageService>] = [
        Endpoint(
            "GET", "/images/{image_id}/members", "List whom an image is shared with",
            access: .decided(by: [.getMembers]), list),
        Endpoint(
            "POST", "/images/{image_id}/members", "Share an image", access: .decided(by: [.addMember]),
            body: .json(.object(Fields([.required("member", .text(1...255))], others: .allowed))), create),
        Endpoint(
            "GET", "/images/{image_id}/members/{member_id}", "Show whom an image is shared with",
            access: .decided(by: [.getMember]), show),
        Endpoint(
            "PUT", "/images/{image_id}/members/{member_id}", "Accept or reject an image",
            access: .decided(by: [.modifyMember]),
            body: .json(
                .object(Fields([.required("status", .choice(["pending", "accepted", "rejected"]))], others: .allowed))),
            update),
        Endpoint(
            "DELETE", "/images/{image_id}/members/{member_id}", "Share an image no more",
            access: .decided(by: [.deleteMember]), delete),
    ]
}

extension Rule {
    static let getMembers = Rule.ofProjects("get_members", "List whom an image is shared with", May.readingMembers)
    static let getMember = Rule.ofProjects("get_member", "Show whom an image is shared with", May.readingMembers)
    static let addMember = Rule.ofProjects("add_member", "Share an image", May.owningMember)
    static let deleteMember = Rule.ofProjects("delete_member", "Share an image no more", May.owningMember)
    static let modifyMember = Rule.ofProjects(
        "modify_member", "Accept or reject an image",
        "rule:context_is_admin or (role:member and project_id:%(member_id)s)")
}

// MARK: Handlers

extension Member {
    static func list(_ call: Call<ImageService>) async throws(Failure) -> Reply {
        let image = sharedImage(call, may: .getMembers)
        let seesAll = call.sight.isEverything
        let members = try await call.service.database.read { tx in
            let image = try image(tx)
            // A member learns of itself only; whom else it is shared with is between them and the owner.
            return try tx.members(of: image.id).filter {
                seesAll || image.member == nil || image.member == $0.project
            }
        }
        return .json { json in
            json.array("members", of: members) { member, json in json.object { member.write(to: &$0) } }
            json.put("schema", "/v2/schemas/members")
        }
    }

    static func show(_ call: Call<ImageService>) async throws(Failure) -> Reply {
        let image = sharedImage(call, may: .getMember)
        do throws(Failure) {
            return .one(
                try await call.service.database.read { tx in
                    try tx.member(call["member_id"], of: try image(tx).id)
                })
        } catch  where error.kind == .forbidden {
            throw Failure(.notFound, error.message)
        }
    }

    static func create(_ call: Call<ImageService>) async throws(Failure) -> Reply {
        let project = try (call.body.object ?? JSON.Object()).required("member")
        let now = call.service.world.now
        let limit = call.service.settings.members
        let image = sharedImage(call, may: .addMember)
        return .one(
            try await call.service.database.write { tx in
                let id = try image(tx).id
                let member = Member(image: id, project: project, status: .pending, created: now, updated: now)
                try Image.require(try tx.members(of: id).count + 1, within: limit, "image members")
                try tx.insert(member)
                return member
            })
    }

    /// Only the member itself says what it thinks.
    static func update(_ call: Call<ImageService>) async throws(Failure) -> Reply {
        let status = call.body["status"]?.string.flatMap { Status(rawValue: $0) } ?? .pending
        let now = call.service.world.now
        let image = sharedImage(call, may: .modifyMember)
        return .one(
            try await call.service.database.write { tx in
                var member = try tx.member(call["member_id"], of: try image(tx).id)
                member.status = status
                member.updated = now
                try tx.update(member)
                return member
            })
    }

    static func delete(_ call: Call<ImageService>) async throws(Failure) -> Reply {
        let image = sharedImage(call, may: .deleteMember)
        try await call.service.database.write { tx in
            try tx.delete(try tx.member(call["member_id"], of: try image(tx).id))
        }
        return .noContent
    }

    /// Finds the image of the path, which must be a shared one, for those whom the rule lets.
    private static func sharedImage(
        _ call: Call<ImageService>, may rule: Rule
    ) -> @Sendable (Transaction) throws(Failure) -> Image {
        let permit = call.permit(rule)
        let sight = call.sight
        return { tx throws(Failure) in
            let image = try tx.image(call.imageID, in: sight)
            guard image.visibility == .shared else { throw .forbidden("Only shared images have members.") }
            try permit.require(image)
            return image
        }
    }
}

extension Reply {
    fileprivate static func one(_ member: Member) -> Reply { .json { member.write(to: &$0) } }
}
