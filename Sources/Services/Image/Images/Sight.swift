import API
import Base
import Policy
import SQL

/// Which images a caller meets at all. What rules say comes after that; what is out of sight does not exist.
struct Sight: Sendable {
    let isEverything: Bool
    let project: String?

    func condition(membership: Member.Status?) -> SQL {
        guard !isEverything else { return "1 = 1" }
        guard let project else { return "image.visibility IN ('public', 'community')" }
        let accepted: SQL = membership.map { "image_member.status = \($0)" } ?? "image_member.status IS NOT NULL"
        return """
            (image.visibility IN ('public', 'community') OR image.owner = \(project) OR image.owner IS NULL
             OR (image.visibility = 'shared' AND \(accepted)))
            """
    }
}

/// A rule as one caller meets it, ready to be asked about an image that is yet to be fetched.
struct Permit: Sendable {
    let scope: Scope
    fileprivate let seeing: Scope
    fileprivate let refusal: Failure

    /// Refuses what the rule does not allow; and who may not even see the image learns no more than that.
    func require(_ image: Image) throws(Failure) {
        guard !scope.covers(image.attribute) else { return }
        guard seeing.covers(image.attribute) else { throw Image.notFound(image.id) }
        throw refusal
    }

    func allows(_ image: Image) -> Bool { scope.covers(image.attribute) }
}

extension Image {
    static func notFound(_ id: ID<Image>) -> Failure { Failure(.notFound, "No image found with ID \(id)") }
}

extension Call<ImageService> {
    var sight: Sight {
        Sight(isEverything: allows(.administer), project: caller.projectID)
    }

    func permit(_ rule: Rule) -> Permit {
        Permit(scope: scope(under: rule), seeing: scope(under: .getImage), refusal: exchange.refusal(rule))
    }

    var imageID: ID<Image> { id("image_id") }

    /// The image of the path, if the caller may do to it what the rule says.
    func image(may rule: Rule) async throws(Failure) -> Image {
        let permit = permit(rule)
        let sight = sight
        let image = try await service.database.read { try $0.image(imageID, in: sight) }
        try permit.require(image)
        return image
    }

    /// Changes the image of the path in one transaction, if the rule allows it.
    @discardableResult
    func change(
        may rule: Rule, _ change: @escaping @Sendable (inout Image, Transaction) throws -> Void
    ) async throws(Failure) -> Image {
        let permit = permit(rule)
        let sight = sight
        let now = service.world.now
        return try await service.database.write { tx in
            var image = try tx.image(imageID, in: sight)
            try permit.require(image)
            try change(&image, tx)
            image.updated = now
            try tx.update(image)
            return image
        }
    }
}

extension Rule {
    static let administer = Rule("context_is_admin", "Be an administrator", "role:admin")
}
