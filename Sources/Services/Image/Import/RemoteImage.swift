import API
import Base
import HTTP

/// An image in another region, or in this one: what the catalog leads to with the token of who asks for it.
struct RemoteImage: Sendable {
    let id: String
    let region: String
    let interface: String
    let token: String

    /// A description is a page or two.
    private static let descriptionLimit = 1 << 20
    /// What makes guests run there makes them run here; the rest is what its users say of it.
    private static let carried = ["hw_", "trait:", "os_distro", "os_secure_boot", "os_type"]

    /// The image as it is to become, and the data.
    func open(
        as image: Image, _ identity: Neighbour?, _ web: any Web
    ) async throws(Failure) -> (Image, HTTPBody) {
        let address = try await address(identity) + "/v2/images/\(id)"
        let text = try await web.fetch(address, token: token).collect(limit: RemoteImage.descriptionLimit)
        let about = try JSONReader.read(text).object ?? JSON.Object()
        var image = image
        image.diskFormat = about.text("disk_format") ?? image.diskFormat
        image.containerFormat = about.text("container_format") ?? image.containerFormat
        for member in about.members where RemoteImage.carried.contains(where: member.name.hasPrefix) {
            image.properties[member.name] = member.value.string ?? image.properties[member.name]
        }
        return (image, try await web.fetch(address + "/file", token: token))
    }

    private func address(_ identity: Neighbour?) async throws(Failure) -> String {
        guard let identity else { throw .unavailable("There is no catalog to look other regions up in.") }
        let services = try await identity.ask("GET", "/v3/auth/catalog", token: token).json["catalog"]?.array ?? []
        let endpoints = services.filter { $0["type"] == "image" }.flatMap { $0["endpoints"]?.array ?? [] }
        let found = endpoints.first { endpoint in
            [endpoint["region_id"], endpoint["region"]].contains(.string(region))
                && endpoint["interface"] == .string(interface)
        }
        guard var address = found?["url"]?.string else {
            throw .unavailable("The catalog has no \(interface) image endpoint in the region \(region).")
        }
        for end in ["/", "/v2"] where address.hasSuffix(end) { address.removeLast(end.count) }
        return address
    }
}
