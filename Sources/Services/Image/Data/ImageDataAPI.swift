import API
import Base
import HTTP
import Policy
import SQL

/// The data of an image: taken in as it comes, and sent from where it lies.
enum ImageData {
    static let endpoints: [Endpoint<ImageService>] = [
        Endpoint(
            "PUT", "/images/{image_id}/file", "Upload an image's data", access: .decided(by: [.uploadImage]),
            body: .stream, upload),
        Endpoint(
            "GET", "/images/{image_id}/file", "Download an image's data", access: .decided(by: [.downloadImage]),
            download),
        Endpoint(
            "PUT", "/images/{image_id}/stage", "Put data aside for an import", access: .decided(by: [.modifyImage]),
            body: .stream, stage),
    ]
}

extension Rule {
    static let uploadImage = Rule.ofProjects("upload_image", "Upload an image's data", May.owningMember)
    static let downloadImage = Rule.ofProjects(
        "download_image", "Download an image's data", May.seeing(with: "role:member"))
}

// MARK: Taking in

extension ImageData {
    private static func upload(_ call: Call<ImageService>) async throws(Failure) -> Reply {
        try requireBytes(call.request)
        let store = try call.store(named: call.request.headers["x-image-meta-store"])
        let intake = try await Intake.begin(call, may: .uploadImage, as: .saving, into: store)
        let (id, key, now) = (intake.image.id, intake.key, call.service.world.now)
        try await intake.take(call.request.body) { tx, outcome, stores in
            guard case .admitted(let virtualSize) = outcome.verdict else { throw outcome.refusal }
            try tx.activate(id, key, in: stores, outcome.digests, virtualSize, at: now)
        }
        return .noContent
    }

    private static func stage(_ call: Call<ImageService>) async throws(Failure) -> Reply {
        try requireBytes(call.request)
        let intake = try await Intake.begin(call, may: .modifyImage, as: .uploading)
        let (id, key, now) = (intake.image.id, intake.key, call.service.world.now)
        try await intake.take(call.request.body) { tx, outcome, _ in
            try tx.run(
                """
                UPDATE image SET staged = \(Staged(outcome)), size = \(outcome.digests.size), data = \(key.text),
                    work = NULL, deadline = NULL, updated_at = \(now)
                WHERE id = \(id)
                """)
        }
        return .noContent
    }

    private static func requireBytes(_ request: HTTPRequest) throws(Failure) {
        let type = (request.headers["content-type"] ?? "").prefix { $0 != ";" }.trimmed
        guard type == "application/octet-stream" else {
            throw Failure(.unsupportedMediaType, "Invalid content type \(type): expected application/octet-stream")
        }
        guard let said = request.headers["x-openstack-image-size"] else { return }
        guard let size = Int(said), size >= 0, request.body.length.map({ $0 == size }) ?? true else {
            throw .invalid("Invalid or missing image size in request headers.")
        }
    }
}

extension Outcome {
    /// What whoever sent it is told.
    var refusal: Failure {
        guard case .refused(let reason) = verdict else { return .bug("Nothing is refused.") }
        return Failure(.unsupportedMediaType, reason)
    }
}

extension Transaction {
    /// From here on the data belongs to the image, and the image can be used.
    func activate(
        _ id: ID<Image>, _ key: StoreKey, in stores: [String], _ digests: Digests, _ virtualSize: Int?, at now: Moment
    ) throws(Failure) {
        try run(
            """
            UPDATE image SET status = 'active', size = \(digests.size), virtual_size = \(virtualSize),
                checksum = \(digests.md5), hash_algorithm = \(Digests.algorithm), hash = \(digests.sha512),
                data = \(key.text), stores = \(stores.joined(separator: ",")), staged = NULL, work = NULL, deadline = NULL, updated_at = \(now)
            WHERE id = \(id)
            """)
    }
}

// MARK: Sending

extension ImageData {
    private static func download(_ call: Call<ImageService>) async throws(Failure) -> Reply {
        let image = try await call.image(may: .downloadImage)
        guard image.status != .deactivated || call.allows(.administer) else {
            throw .forbidden("The requested image has been deactivated. Image data download is forbidden.")
        }
        guard image.hasLocation, let key = image.data, let size = image.size else { return .noContent }
        var reply = Reply(200)
        reply.headers.append("Content-Type", "application/octet-stream")
        if let checksum = image.checksum { reply.headers.append("Content-MD5", checksum) }
        let part = try ByteRange.asked(call.request.headers, of: size)
        if let part {
            reply.status = 206
            reply.headers.append("Content-Range", "bytes \(part.lowerBound)-\(part.upperBound - 1)/\(size)")
        }
        reply.body = try await call.service.open(image, key, part ?? 0..<size)
        return reply
    }
}

/// The part of a whole that a request asks for.
enum ByteRange {
    /// nil where the whole is asked for. A part that isn't there, or more than one, cannot be given.
    static func asked(_ headers: HTTPHeaders, of size: Int) throws(Failure) -> Range<Int>? {
        if let text = headers["range"] {
            guard let range = ranged(text, size) else { throw unsatisfiable(text) }
            return range
        }
        // Some clients ask with the header that is meant for answers: "bytes 0-4/10".
        guard let text = headers["content-range"] else { return nil }
        guard let slash = text.firstIndex(of: "/"), text.hasPrefix("bytes "),
            let range = ranged("bytes=" + text[..<slash].dropFirst(6), size)
        else { throw unsatisfiable(text) }
        return range
    }

    /// `bytes=0-4`, `bytes=5-`, `bytes=-5`.
    private static func ranged(_ text: String, _ size: Int) -> Range<Int>? {
        guard text.hasPrefix("bytes="), !text.contains(",") else { return nil }
        let ends = text.dropFirst(6).split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard ends.count == 2 else { return nil }
        if ends[0].isEmpty {
            guard let count = Int(ends[1]), count > 0, size > 0 else { return nil }
            return max(0, size - count)..<size
        }
        guard let first = Int(ends[0]), first >= 0, first < size else { return nil }
        guard !ends[1].isEmpty else { return first..<size }
        guard let last = Int(ends[1]), last >= first else { return nil }
        return first..<(min(last, size - 1) + 1)
    }

    private static func unsatisfiable(_ text: String) -> Failure {
        Failure(.rangeNotSatisfiable, "Invalid range header: \(text)")
    }
}
