import API
import Base
import HTTP
import Policy
import SQL

/// The tags of an image, one by one.
enum ImageTags {
    static let endpoints: [Endpoint<ImageService>] = [
        Endpoint(
            "PUT", "/images/{image_id}/tags/{tag_value}", "Add a tag to an image",
            access: .decided(by: [.modifyImage]), add),
        Endpoint(
            "DELETE", "/images/{image_id}/tags/{tag_value}", "Remove a tag from an image",
            access: .decided(by: [.modifyImage]), remove),
    ]

    private static func add(_ call: Call<ImageService>) async throws(Failure) -> Reply {
        let tag = call["tag_value"]
        let settings = call.service.settings
        try ImageFields.check("tags", .array([.string(tag)]), settings)
        try await call.change(may: .modifyImage) { image, _ in
            if !image.tags.contains(tag) { image.tags.append(tag) }
            try image.requireWithin(settings)
        }
        return .noContent
    }

    private static func remove(_ call: Call<ImageService>) async throws(Failure) -> Reply {
        let tag = call["tag_value"]
        try await call.change(may: .modifyImage) { image, _ in
            guard let place = image.tags.firstIndex(of: tag) else { throw Failure.notFound("image tag", tag) }
            image.tags.remove(at: place)
        }
        return .noContent
    }
}
