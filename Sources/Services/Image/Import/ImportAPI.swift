import API
import Base
import HTTP
import Policy
import SQL

/// Makes data the image's that has been put aside for it, or that lies somewhere in the web.
enum Import {
    static let endpoints: [Endpoint<ImageService>] = [
        Endpoint(
            "POST", "/images/{image_id}/import", "Import an image's data", access: .decided(by: [.modifyImage]),
            body: .json(shape), start)
    ]

    static let direct = "glance-direct"
    static let download = "web-download"
    /// Names the stores that an image's last import did not get into.
    static let failedProperty = "os_glance_failed_import"

    private static let shape: Shape = .object(
        Fields(
            [
                .required("method", .object(Fields([.required("name", .text(1...255))], others: .allowed))),
                .optional("all_stores", .boolean), .optional("all_stores_must_succeed", .boolean),
                .optional("stores", .list(of: .text(1...255))),
            ], others: .allowed))

    private static func start(_ call: Call<ImageService>) async throws(Failure) -> Reply {
        let method = call.body["method"]?["name"]?.string ?? ""
        guard call.service.settings.importMethods.contains(method) else {
            throw .invalid("Unknown import method name '\(method)'.")
        }
        try requireStores(call)
        if method == download { try await fetch(call) } else { try await takeStaged(call) }
        return Reply(202)
    }

    private static func requireStores(_ call: Call<ImageService>) throws(Failure) {
        let known = call.service.store.id
        for store in (call.body["stores"]?.array ?? []).compactMap(\.string) where store != known {
            throw .conflict("The selected store \(store) is not available on this node.")
        }
        if let store = call.request.headers["x-image-meta-store"], store != known {
            throw .conflict("The selected store \(store) is not available on this node.")
        }
    }

    private static func requireReady(_ image: Image, _ method: String) throws(Failure) {
        guard image.status != .active else {
            throw .conflict("Image with status active cannot be target for import")
        }
        if method == direct, image.status != .uploading || image.data == nil {
            throw .conflict("Image needs to be staged before 'glance-direct' method can be used")
        }
        if method == download, image.status != .queued {
            throw .conflict("Image needs to be in 'queued' state to use 'web-download' method")
        }
        guard image.containerFormat != nil else {
            throw .conflict("'container_format' needs to be set before import")
        }
        guard image.diskFormat != nil else { throw .conflict("'disk_format' needs to be set before import") }
    }

    private static func task(_ call: Call<ImageService>) -> ImageTask {
        let now = call.service.world.now
        let input: JSON = [
            "image_id": .string(call.imageID.text), "import_req": call.body,
            "backend": .array([.string(call.service.store.id)]),
        ]
        return ImageTask(
            id: .uuid(call.service.world.chance), kind: .imageImport, status: .processing,
            owner: call.caller.projectID, image: call.imageID, user: call.caller.user.id,
            request: call.exchange.requestID, input: input, created: now, updated: now)
    }
}

// MARK: Put aside

extension Import {
    /// One transaction is all there is to do: the data lies where it is to lie, and was looked at on its way in.
    private static func takeStaged(_ call: Call<ImageService>) async throws(Failure) {
        let permit = call.permit(.modifyImage)
        let sight = call.sight
        let begun = task(call)
        let store = call.service.store.id
        let refused = try await call.service.database.write { tx in
            let image = try tx.image(call.imageID, in: sight)
            try requireReady(image, direct)
            try permit.require(image)
            return try finish(image, begun, store, tx)
        }
        if let refused { try await call.service.store.remove(refused) }
    }

    /// Ends with the image active, or set back with the reason in its task. Says which data is not wanted any more.
    private static func finish(
        _ image: Image, _ begun: ImageTask, _ store: String, _ tx: Transaction
    ) throws(Failure) -> StoreKey? {
        guard let key = image.data,
            let text = try tx.row(
                "SELECT staged FROM image WHERE id = \(image.id)", { try $0.optionalText("staged") }) ?? nil
        else { throw .bug("Image \(image.id) is put aside without data.") }
        let outcome = try Staged(text).outcome
        var task = begun
        switch outcome.verdict {
        case .admitted(let virtualSize):
            task.end(.success, "", at: begun.created)
            try tx.insert(task)
            try tx.activate(image.id, key, outcome.digests, virtualSize, at: begun.created)
            return nil
        case .refused(let reason):
            task.end(.failure, reason, at: begun.created)
            try tx.insert(task)
            try tx.requeue("id = \(image.id)", at: begun.created)
            try tx.noteFailedImport(of: image.id, into: store)
            return key
        }
    }
}

// MARK: From the web

extension Import {
    private static func fetch(_ call: Call<ImageService>) async throws(Failure) {
        let service = call.service
        let url = call.body["method"]?["uri"]?.string ?? ""
        _ = try service.settings.webRules.check(url)
        let begun = task(call)
        let intake = try await Intake.begin(call, may: .modifyImage, as: .importing) { image, tx in
            try requireReady(image, download)
            try tx.insert(begun)
        }
        let order = Imports.Order(intake: intake, task: begun, url: url)
        guard !service.imports.add(order) else { return }
        let failure = Failure(.tooManyRequests, "Too many imports are waiting. Please try again later.")
        try await service.fail(order, failure)
        throw failure
    }
}
