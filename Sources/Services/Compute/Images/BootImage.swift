import API
import Base
import Policy

/// An image from which a server is to start, as its service shows it to the caller; one that they can't see isn't there.
struct BootImage: Sendable {
    let id: String
    let minimumDisk: Int
    let minimumMemory: Int
    let size: Int
    /// What it says of the hardware that it wants.
    let properties: JSON.Object
    /// Volumes that it consists of, where it was made of a server that had its disk in one.
    let mappings: [JSON]

    static func load(_ id: String, _ call: Call<Compute>) async throws(Failure) -> BootImage {
        guard UUID(id) != nil else { throw .invalid("Invalid imageRef provided.") }
        let image: JSON
        do throws(Failure) {
            image = try await call.service.neighbours.image.ask("GET", "/v2/images/\(id)", token: call.caller.token)
                .json
        } catch  where error.kind == .notFound {
            throw .invalid("Can not find requested image")
        }
        guard image["status"] == "active" else { throw .invalid("Image \(id) is not active.") }
        return BootImage(image, id: id)
    }

    private init(_ image: JSON, id: String) {
        self.id = id
        minimumDisk = Int(image["min_disk"]?.integer ?? 0)
        minimumMemory = Int(image["min_ram"]?.integer ?? 0)
        size = Int(image["size"]?.integer ?? 0)
        properties = Wishes(group: nil, hints: JSON.Object(), image: image).image
        let text = image["block_device_mapping"]?.string ?? "[]"
        mappings = (try? JSONReader.read(text).array) ?? []
    }

    func allow(_ flavor: Flavor, onVolume: Bool = false) throws(Failure) {
        guard minimumMemory <= flavor.memory else {
            throw .invalid("Flavor's memory is too small for requested image.")
        }
        guard !onVolume, flavor.disk != 0 else { return }
        let room = flavor.disk << 30
        guard minimumDisk <= flavor.disk else {
            throw .invalid(
                "Flavor's disk is smaller than the minimum size specified in image metadata. Flavor disk is \(room) bytes, minimum size is \(minimumDisk << 30) bytes."
            )
        }
        guard size <= room else {
            throw .invalid(
                "Flavor's disk is too small for requested image. Flavor disk is \(room) bytes, image is \(size) bytes.")
        }
    }
}
