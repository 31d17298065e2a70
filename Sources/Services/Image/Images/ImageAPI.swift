import API
import Base
import HTTP
import Policy
import SQL

extension Image {
    static let endpoints: [Endpoint<ImageService>] = [
        .get("/images", "List images", may: .getImages, query: ImageQuery.parameters, list),
        Endpoint(
            "POST", "/images", "Create an image", access: .decided(by: [.addImage]), body: .json(shape), create),
        Endpoint("GET", "/images/{image_id}", "Show an image", access: .decided(by: [.getImage]), show),
        Endpoint(
            "PATCH", "/images/{image_id}", "Update an image",
            access: .decided(by: [.modifyImage, .publicizeImage, .communitizeImage, .setLocation]), body: .json(.any),
            update),
        Endpoint("DELETE", "/images/{image_id}", "Delete an image", access: .decided(by: [.deleteImage]), delete),
        Endpoint(
            "POST", "/images/{image_id}/actions/deactivate", "Deactivate an image",
            access: .decided(by: [.deactivate]), deactivate),
        Endpoint(
            "POST", "/images/{image_id}/actions/reactivate", "Reactivate an image",
            access: .decided(by: [.reactivate]), reactivate),
    ]

    private static let shape: Shape = .object(Fields([], others: .allowed))
}

extension Rule {
    static let addImage = Rule.ofProjects(
        "add_image", "Create an image",
        "rule:context_is_admin or (role:member and project_id:%(project_id)s and project_id:%(owner)s)")
    static let getImages = Rule.ofProjects(
        "get_images", "List images", "rule:context_is_admin or (role:reader and project_id:%(project_id)s)")
    static let getImage = Rule.ofProjects("get_image", "Show an image", May.seeing(with: "role:reader"))
    static let modifyImage = Rule.ofProjects("modify_image", "Update an image", May.owningMember)
    static let deleteImage = Rule.ofProjects("delete_image", "Delete an image", May.owningMember)
    static let publicizeImage = Rule.ofProjects("publicize_image", "Show an image to everybody", May.admin)
    static let communitizeImage = Rule.ofProjects("communitize_image", "Offer an image to everybody", May.owningMember)
    static let setLocation = Rule.ofProjects("set_image_location", "Say where an image's data is", May.owningMember)
    static let deactivate = Rule.ofProjects("deactivate", "Deactivate an image", May.owningMember)
    static let reactivate = Rule.ofProjects("reactivate", "Reactivate an image", May.owningMember)
}

// MARK: Handlers

extension Image {
    static func list(_ call: Call<ImageService>) async throws(Failure) -> Reply {
        let query = try ImageQuery(call.query, call.service.settings)
        let sight = call.sight
        let seeing = call.scope(under: .getImage)
        let images = try await call.service.database.read { try $0.images(query, sight, seeing) }
        return .json { json in
            json.array("images", of: images) { image, json in
                json.object { image.write(to: &$0, store: call.service.store.id) }
            }
            if images.count == query.limit, let last = images.last {
                json.put("next", ImageQuery.link(call.query, from: last.id))
            }
            json.put("first", ImageQuery.link(call.query, from: nil))
            json.put("schema", "/v2/schemas/images")
        }
    }

    static func show(_ call: Call<ImageService>) async throws(Failure) -> Reply {
        .one(try await call.image(may: .getImage), call)
    }

    static func create(_ call: Call<ImageService>) async throws(Failure) -> Reply {
        let service = call.service
        let image = try named(call)
        try call.requireCreation(of: image)
        try await service.database.write { tx in
            let count = try tx.count("SELECT COUNT(*) FROM image WHERE owner = \(image.owner)")
            try require(count + 1, within: service.settings.projectImages, "images")
            try tx.insert(image)
        }
        var reply = Reply.one(image, call, status: 201)
        reply.headers.append("Location", image.path)
        reply.headers.append("OpenStack-image-import-methods", service.settings.importMethods.joined(separator: ","))
        let open = service.stores.filter { !$0.isReadOnly }.map(\.id)
        reply.headers.append("OpenStack-image-store-ids", open.joined(separator: ","))
        return reply
    }

    /// The image that a body describes.
    private static func named(_ call: Call<ImageService>) throws(Failure) -> Image {
        let body = call.body.object ?? JSON.Object()
        let settings = call.service.settings
        let now = call.service.world.now
        var image = Image(
            id: body.id("id") ?? .uuid(call.service.world.chance), name: nil, status: .queued, visibility: .shared,
            owner: call.caller.projectID, isProtected: false, isHidden: false, minDisk: 0, minRAM: 0, created: now,
            updated: now)
        for member in body.members {
            if member.name != "id" {
                guard member.name != "locations" else { throw .forbidden("Attribute 'locations' is reserved.") }
                try ImageFields.requireWritable(member.name)
            }
            try ImageFields.check(member.name, member.value, settings)
            if member.name != "id" { image.set(member.name, member.value) }
        }
        try image.requireWithin(settings)
        return image
    }

    static func update(_ call: Call<ImageService>) async throws(Failure) -> Reply {
        let settings = call.service.settings
        let draft = try ImageChange.Draft(contentType: call.request.headers["content-type"])
        let changes = try ImageChange.read(call.body, draft, settings)
        guard !changes.isEmpty else { return .one(try await call.image(may: .getImage), call) }
        let isAdmin = call.allows(.administer)
        let rights = (call.permit(.publicizeImage), call.permit(.communitizeImage), call.permit(.setLocation))
        let image = try await call.change(may: .modifyImage) { image, _ in
            for change in changes {
                switch (change.field, change.value.string) {
                case ("visibility", "public"): try rights.0.require(image)
                case ("visibility", "community"): try rights.1.require(image)
                case ("locations", _): try rights.2.require(image)
                case ("owner", _) where !isAdmin: throw Failure.forbidden("Owner can't be updated by non admin.")
                default: break
                }
                try image.apply(change)
            }
            try image.requireWithin(settings)
        }
        return .one(image, call)
    }

    static func delete(_ call: Call<ImageService>) async throws(Failure) -> Reply {
        let permit = call.permit(.deleteImage)
        let sight = call.sight
        let (keys, data) = try await call.service.database.write { tx in
            let image = try tx.image(call.imageID, in: sight)
            try permit.require(image)
            guard !image.isProtected else {
                throw Failure.forbidden("Image \(image.id) is protected and cannot be deleted.")
            }
            return (try tx.delete(image), image.data)
        }
        try await call.service.remove(keys)
        try await call.service.cache?.drop(call.imageID, data.map { ImageCache.copy(of: $0) })
        return .noContent
    }

    static func deactivate(_ call: Call<ImageService>) async throws(Failure) -> Reply {
        try await turn(call, may: .deactivate, from: .active, to: .deactivated)
    }

    static func reactivate(_ call: Call<ImageService>) async throws(Failure) -> Reply {
        try await turn(call, may: .reactivate, from: .deactivated, to: .active)
    }

    /// Doing what has been done already changes nothing.
    private static func turn(
        _ call: Call<ImageService>, may rule: Rule, from: Status, to: Status
    ) async throws(Failure) -> Reply {
        let now = call.service.world.now
        try await call.change(may: rule) { image, tx in
            guard image.status == from || image.status == to else {
                throw Failure.forbidden("Not allowed to \(rule.name) image in status '\(image.status.rawValue)'")
            }
            try tx.set(to, of: image.id, at: now)
        }
        return .noContent
    }
}

extension Reply {
    static func one(_ image: Image, _ call: Call<ImageService>, status: Int = 200) -> Reply {
        .json(status) { image.write(to: &$0, store: call.service.store.id) }
    }
}

extension Call<ImageService> {
    /// Refuses an image that the caller may not have, or may not show to those that it is for.
    fileprivate func requireCreation(of image: Image) throws(Failure) {
        let target = ["project_id": image.owner ?? "", "owner": image.owner ?? ""]
        guard allows(.addImage, of: target) else {
            guard image.owner == caller.projectID else {
                throw .forbidden("You are not permitted to create images owned by '\(image.owner ?? "")'")
            }
            throw exchange.refusal(.addImage)
        }
        switch image.visibility {
        case .public: try require(.publicizeImage, of: target)
        case .community: try require(.communitizeImage, of: target)
        case .shared, .private: break
        }
    }
}
