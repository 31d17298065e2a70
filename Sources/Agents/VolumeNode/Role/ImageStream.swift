import API
import Base
import Contracts
import HTTP
import Synchronization

/// Images on their way between the image service and this node, in the name of the user whose volume it is about.
struct ImageStream: Sendable {
    let service: Neighbour
    let tokens: any TokenIssuer

    func fetch(_ id: String, user: String, project: String) async throws(Failure) -> ImageContent {
        let token = try await tokens.token(user: user, project: project)
        let image = try await service.ask("GET", "/v2/images/\(id)", token: token).json
        guard image["status"] == "active" else { throw .invalid("Image \(id) is not active.") }
        let service = service
        return ImageContent(
            format: image["disk_format"]?.string ?? "raw",
            length: image["virtual_size"]?.integer ?? image["size"]?.integer
        ) { take throws(Failure) in
            let response = try await service.open("GET", "/v2/images/\(id)/file", token: token)
            try await response.read(take)
        }
    }

    func send(_ content: StoredImage, _ order: UploadOrder) async throws(Failure) {
        let token = try await tokens.token(user: order.user, project: order.project)
        let place = Mutex(0)
        let body = HTTPBody(length: content.length) { () async throws(Failure) in
            let start = place.withLock { place in
                defer { place += ImageStream.piece }
                return place
            }
            guard start < content.length else { return nil }
            return try await content.read(start..<min(start + ImageStream.piece, content.length))
        }
        try await service.put("/v2/images/\(order.image)/file", body, token: token)
    }

    /// As much is in memory at a time.
    private static let piece = 1 << 20
}
