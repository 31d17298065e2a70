import Base
import SQL

/// What a server boots from: some data, and what is known of it.
struct Image: Sendable {
    let id: ID<Image>
    var name: String?
    var status: Status
    var visibility: Visibility
    /// The project it belongs to.
    var owner: String?
    var isProtected: Bool
    var isHidden: Bool
    var diskFormat: String?
    var containerFormat: String?
    var minDisk: Int
    var minRAM: Int
    var size: Int?
    var virtualSize: Int?
    var checksum: String?
    var hashAlgorithm: String?
    var hash: String?
    /// Under which key the stores have its data; nil while there is none.
    var data: StoreKey?
    /// The names of the stores that have it; none where it is the first.
    var stores: [String] = []
    var tags: [String] = []
    /// What its users say of it beyond the fields that the reference names.
    var properties: [String: String] = [:]
    let created: Moment
    var updated: Moment
    /// The caller's project, if the image is shared with it.
    var member: String?

    enum Status: String, SQL.Bindable {
        /// Named, and waiting for its data.
        case queued
        case saving
        /// Its data has been, or is being, put aside for an import.
        case uploading
        case importing
        case active
        case deactivated
    }

    enum Visibility: String, SQL.Bindable, CaseIterable {
        case `public`, community, shared, `private`
    }
}

extension Image {
    /// What rules may ask of it, by the names that policy files use.
    func attribute(_ name: String) -> String? {
        switch name {
        case "project_id", "tenant_id", "tenant", "owner": owner
        case "member_id": member
        case "visibility": visibility.rawValue
        case "image_id", "id": id.text
        case "status": status.rawValue
        case "name": name
        case "disk_format": diskFormat
        case "container_format": containerFormat
        default: properties[name]
        }
    }

    /// Refuses to take data in while its format is unknown, or when it has some already.
    func requireReady(for next: Status) throws(Failure) {
        guard status == .queued else {
            throw .conflict(
                "Image status transition from \(status.rawValue) to \(next.rawValue) is not allowed")
        }
        guard next == .saving else { return }
        let missing = [("disk_format", diskFormat), ("container_format", containerFormat)]
            .filter { $0.1 == nil }.map(\.0)
        guard missing.isEmpty else {
            let noun = missing.count == 1 ? "Property" : "Properties"
            throw .invalid("\(noun) \(missing.joined(separator: ", ")) must be set prior to saving data.")
        }
    }

    func write(to json: inout JSONWriter, store: String) {
        for property in properties.sorted(by: { $0.key < $1.key }) { json.put(property.key, property.value) }
        json.put("name", name)
        json.put("disk_format", diskFormat)
        json.put("container_format", containerFormat)
        json.put("visibility", visibility.rawValue)
        json.put("size", size)
        json.put("virtual_size", virtualSize)
        json.put("status", status.rawValue)
        json.put("checksum", checksum)
        json.put("protected", isProtected)
        json.put("min_ram", minRAM)
        json.put("min_disk", minDisk)
        json.put("owner", owner)
        json.put("os_hidden", isHidden)
        json.put("os_hash_algo", hashAlgorithm)
        json.put("os_hash_value", hash)
        json.put("id", id)
        json.put("created_at", created, as: .seconds)
        json.put("updated_at", updated, as: .seconds)
        json.put("tags", tags)
        json.put("self", path)
        json.put("file", path + "/file")
        json.put("schema", "/v2/schemas/image")
        if hasLocation || isNamed { json.put("stores", storeNames(store).joined(separator: ",")) }
    }

    /// - Parameter first: the store in which data lies of which nothing else is known.
    func storeNames(_ first: String) -> [String] { stores.isEmpty ? [first] : stores }

    var path: String { "/v2/images/\(id)" }

    /// Whether somebody has named where its data lies, and it was not what it had to be.
    private var isNamed: Bool { status == .queued && !stores.isEmpty }

    /// Whether its data can be fetched: what was put aside for an import is nobody's business yet.
    var hasLocation: Bool { data != nil && (status == .active || status == .deactivated) }
}
