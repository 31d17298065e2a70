import API
import Base
import HTTP
import Policy
import SQL

/// Makes data the image's that has been put aside for it, or that lies elsewhere; and puts it into further stores.
enum Import {
    static let endpoints: [Endpoint<ImageService>] = [
        Endpoint(
            "POST", "/images/{image_id}/import", "Import an image's data",
            access: .decided(by: [.modifyImage, .copyImage]),
            body: .json(shape), start)
    ]

    static let direct = "glance-direct"
    static let download = "web-download"
    static let elsewhere = "glance-download"
    static let copy = "copy-image"
    /// Names the stores that an image is still being put into.
    static let progressProperty = "os_glance_importing_to_stores"
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
        let stores = try call.importStores()
        switch method {
        case direct where stores.map(\.id) == [call.service.store.id]: try await takeStaged(call)
        case direct: try await spreadStaged(call, stores)
        case copy: try await copy(call, stores)
        case download: try await fetch(call, stores)
        default: try await fetchFromElsewhere(call, stores)
        }
        return Reply(202)
    }

    private static func requireReady(_ image: Image, _ method: String) throws(Failure) {
        guard (image.status == .active) == (method == copy) else {
            throw .conflict(
                method == copy
                    ? "Only images with status active can be targeted for copying"
                    : "Image with status active cannot be target for import")
        }
        if method == direct, image.status != .uploading || image.data == nil {
            throw .conflict("Image needs to be staged before 'glance-direct' method can be used")
        }
        if method == download || method == elsewhere, image.status != .queued {
            throw .conflict("Image needs to be in 'queued' state to use '\(method)' method")
        }
        guard image.containerFormat != nil else {
            throw .conflict("'container_format' needs to be set before import")
        }
        guard image.diskFormat != nil else { throw .conflict("'disk_format' needs to be set before import") }
    }

    static func task(
        _ call: Call<ImageService>, _ kind: ImageTask.Kind = .imageImport, into stores: [any Store]
    ) -> ImageTask {
        let now = call.service.world.now
        let input: JSON = [
            "image_id": .string(call.imageID.text), "import_req": call.body,
            "backend": .array(stores.map { .string($0.id) }),
        ]
        return ImageTask(
            id: .uuid(call.service.world.chance), kind: kind, status: .processing,
            owner: call.caller.projectID, image: call.imageID, user: call.caller.user.id,
            request: call.exchange.requestID, input: input, created: now, updated: now)
    }

    /// Lets an order wait for its turn, unless too many do.
    static func enqueue(_ order: Imports.Order, _ service: ImageService) async throws(Failure) {
        guard !service.imports.add(order) else { return }
        let failure = Failure(.tooManyRequests, "Too many imports are waiting. Please try again later.")
        try await service.fail(order, failure)
        throw failure
    }
}

extension Rule {
    static let copyImage = Rule.ofProjects("copy_image", "Copy an image to other stores", May.admin)
}

extension Call<ImageService> {
    /// A store that data can be put into; the first, where none is named.
    func store(named name: String?) throws(Failure) -> any Store {
        guard let name else { return service.store }
        guard let store = service.stores.first(where: { $0.id == name }), !store.isReadOnly else {
            throw .conflict("The selected store \(name) is not available on this node.")
        }
        return store
    }

    fileprivate func importStores() throws(Failure) -> [any Store] {
        let (names, header) = (body["stores"]?.array?.compactMap(\.string) ?? [], request.headers["x-image-meta-store"])
        if body["all_stores"]?.bool == true {
            guard names.isEmpty, header == nil else {
                throw .invalid("All_stores parameter can't be used with x-image-meta-store header or stores parameter")
            }
            return service.stores.filter { !$0.isReadOnly }
        }
        guard names.isEmpty || header == nil else {
            throw .invalid("Stores parameter and x-image-meta-store header can't be both specified")
        }
        guard !names.isEmpty else { return [try store(named: header)] }
        var stores: [any Store] = []
        for name in names where !stores.contains(where: { $0.id == name }) { stores.append(try store(named: name)) }
        return stores
    }

    /// Whether what some stores don't take is to be in none of them.
    fileprivate var isAllOrNothing: Bool { body["all_stores_must_succeed"]?.bool ?? true }
}

// MARK: Put aside

extension Import {
    /// One transaction is all there is to do: the data lies where it is to lie, and was looked at on its way in.
    private static func takeStaged(_ call: Call<ImageService>) async throws(Failure) {
        let permit = call.permit(.modifyImage)
        let sight = call.sight
        let begun = task(call, into: [call.service.store])
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
        let (key, outcome) = try tx.staged(image)
        var task = begun
        switch outcome.verdict {
        case .admitted(let virtualSize):
            task.end(.success, "", at: begun.created)
            try tx.insert(task)
            try tx.activate(image.id, key, in: [store], outcome.digests, virtualSize, at: begun.created)
            try tx.noteImport(of: image.id)
            return nil
        case .refused(let reason):
            task.end(.failure, reason, at: begun.created)
            try tx.insert(task)
            try tx.requeue("id = \(image.id)", at: begun.created)
            try tx.noteImport(of: image.id, failed: [store])
            return key
        }
    }

    /// Into other stores than the one in which it was put aside.
    private static func spreadStaged(_ call: Call<ImageService>, _ stores: [any Store]) async throws(Failure) {
        let (service, permit, sight) = (call.service, call.permit(.modifyImage), call.sight)
        let begun = task(call, into: stores)
        let deadline = service.world.now + service.settings.importPatience
        let (image, key, outcome) = try await service.database.write { tx in
            let image = try tx.image(call.imageID, in: sight)
            try requireReady(image, direct)
            try permit.require(image)
            let (key, outcome) = try tx.staged(image)
            try tx.insert(begun)
            try tx.noteImport(of: image.id, into: stores.map(\.id))
            try tx.run(
                """
                UPDATE image SET status = 'importing', work = \(key.text), deadline = \(deadline)
                WHERE id = \(image.id)
                """)
            return (image, key, outcome)
        }
        let intake = Intake(service: service, image: image, key: key, store: service.store)
        try await enqueue(
            Imports.Order(
                task: begun, stores: stores, isAllOrNothing: call.isAllOrNothing, source: .staged(intake, outcome)),
            service)
    }
}

extension Transaction {
    /// What has been put aside for an image.
    fileprivate func staged(_ image: Image) throws(Failure) -> (StoreKey, Outcome) {
        guard let key = image.data,
            let text = try row(
                "SELECT staged FROM image WHERE id = \(image.id)", { try $0.optionalText("staged") }) ?? nil
        else { throw .bug("Image \(image.id) is put aside without data.") }
        return (key, try Staged(text).outcome)
    }
}

// MARK: From elsewhere

extension Import {
    private static func fetch(_ call: Call<ImageService>, _ stores: [any Store]) async throws(Failure) {
        let url = call.body["method"]?["uri"]?.string ?? ""
        _ = try call.service.settings.webRules.check(url)
        try await bring(call, stores, by: download) { intake in .web(intake, url) }
    }

    private static func fetchFromElsewhere(_ call: Call<ImageService>, _ stores: [any Store]) async throws(Failure) {
        let method = call.body["method"]?.object ?? JSON.Object()
        for field in ["glance_region", "glance_image_id"] where method.text(field) == nil {
            throw .invalid("'\(field)' needs to be set for glance-download import method")
        }
        guard let id = UUID(method.text("glance_image_id") ?? "") else {
            throw .invalid("Remote image id does not look like a UUID: \(method.text("glance_image_id") ?? "")")
        }
        let there = RemoteImage(
            id: id.dashed, region: method.text("glance_region") ?? "",
            interface: method.text("glance_service_interface") ?? "public", token: call.caller.token)
        try await bring(call, stores, by: elsewhere) { intake in .elsewhere(intake, there) }
    }

    private static func bring(
        _ call: Call<ImageService>, _ stores: [any Store], by method: String,
        _ source: (Intake) -> Imports.Order.Source
    ) async throws(Failure) {
        let begun = task(call, into: stores)
        let names = stores.map(\.id)
        let intake = try await Intake.begin(call, may: .modifyImage, as: .importing, into: stores[0]) { image, tx in
            try requireReady(image, method)
            try tx.insert(begun)
            try tx.noteImport(of: image.id, into: names)
        }
        try await enqueue(
            Imports.Order(task: begun, stores: stores, isAllOrNothing: call.isAllOrNothing, source: source(intake)),
            call.service)
    }
}

// MARK: Into further stores

extension Import {
    private static func copy(_ call: Call<ImageService>, _ wanted: [any Store]) async throws(Failure) {
        let (service, permit, sight) = (call.service, call.permit(.copyImage), call.sight)
        let takesAll = call.body["all_stores"]?.bool ?? false
        let order = try await service.database.write { tx in
            let image = try tx.image(call.imageID, in: sight)
            try requireReady(image, copy)
            try permit.require(image)
            let present = image.storeNames(service.store.id)
            if !takesAll, let store = wanted.first(where: { present.contains($0.id) }) {
                throw Failure.invalid("Image is already present at store '\(store.id)'")
            }
            guard try !tx.isBeingImported(image.id) else {
                throw Failure.conflict(
                    "New operation on image '\(image.id)' is not permitted as prior operation is still in progress")
            }
            let stores = wanted.filter { !present.contains($0.id) }
            let begun = task(call, into: stores)
            try tx.insert(begun)
            try tx.noteImport(of: image.id, into: stores.map(\.id))
            return Imports.Order(
                task: begun, stores: stores, isAllOrNothing: call.isAllOrNothing, source: .copy(image))
        }
        try await enqueue(order, service)
    }
}
