import API
import Base
import HTTP
import Policy
import SQL

/// Makes data the image's that has been put aside for it.
enum Import {
    static let endpoints: [Endpoint<ImageService>] = [
        Endpoint(
            "POST", "/images/{image_id}/import", "Import an image's data", access: .decided(by: [.modifyImage]),
            body: .json(shape), start)
    ]

    private static let shape: Shape = .object(
        Fields(
            [
                .required("method", .object(Fields([.required("name", .text(1...255))], others: .allowed))),
                .optional("all_stores", .boolean), .optional("all_stores_must_succeed", .boolean),
                .optional("stores", .list(of: .text(1...255))),
            ], others: .allowed))

    private static func start(_ call: Call<ImageService>) async throws(Failure) -> Reply {
        let service = call.service
        let method = call.body["method"]?["name"]?.string ?? ""
        guard service.settings.importMethods.contains(method) else {
            throw .invalid("Unknown import method name '\(method)'.")
        }
        try requireStores(call)
        let permit = call.permit(.modifyImage)
        let sight = call.sight
        let work = Work(call)
        let refused = try await service.database.write { tx in
            let image = try tx.image(call.imageID, in: sight)
            try requireReady(image)
            try permit.require(image)
            return try work.finish(image, tx)
        }
        if let refused { try await service.store.remove(refused) }
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

    private static func requireReady(_ image: Image) throws(Failure) {
        guard image.status != .active else {
            throw .conflict("Image with status active cannot be target for import")
        }
        guard image.status == .uploading, image.data != nil else {
            throw .conflict("Image needs to be staged before 'glance-direct' method can be used")
        }
        guard image.containerFormat != nil else {
            throw .conflict("'container_format' needs to be set before import")
        }
        guard image.diskFormat != nil else { throw .conflict("'disk_format' needs to be set before import") }
    }
}

/// An import as one transaction: the data lies where it is to lie, and has been looked at on its way in.
private struct Work: Sendable {
    private let call: Call<ImageService>
    private let now: Moment

    init(_ call: Call<ImageService>) {
        self.call = call
        now = call.service.world.now
    }

    /// Ends with the image active, or set back with the reason in its task. Says which data is not wanted any more.
    func finish(_ image: Image, _ tx: Transaction) throws(Failure) -> StoreKey? {
        guard let key = image.data,
            let text = try tx.row(
                "SELECT staged FROM image WHERE id = \(image.id)", { try $0.optionalText("staged") }) ?? nil
        else { throw .bug("Image \(image.id) is put aside without data.") }
        let outcome = try Staged(text).outcome
        var task = task(of: image)
        switch outcome.verdict {
        case .admitted(let virtualSize):
            task.end(.success, "", at: now)
            try tx.insert(task)
            try tx.activate(image.id, key, outcome.digests, virtualSize, at: now)
            return nil
        case .refused(let reason):
            task.end(.failure, reason, at: now)
            try tx.insert(task)
            try tx.requeue("id = \(image.id)", at: now)
            return key
        }
    }

    private func task(of image: Image) -> ImageTask {
        let input: JSON = [
            "image_id": .string(image.id.text), "import_req": call.body,
            "backend": .array([.string(call.service.store.id)]),
        ]
        return ImageTask(
            id: .uuid(call.service.world.chance), kind: .imageImport, status: .processing,
            owner: call.caller.projectID, image: image.id, user: call.caller.user.id,
            request: call.exchange.requestID, input: input, created: now, updated: now)
    }
}
