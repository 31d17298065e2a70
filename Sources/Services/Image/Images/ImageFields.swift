import API
import Base

/// What clients may and may not say of an image, and how what they say is checked.
enum ImageFields {
    /// Only the service itself says these.
    static let readOnly: Set<String> = [
        "created_at", "updated_at", "status", "checksum", "size", "virtual_size", "direct_url", "self", "file",
        "schema", "id", "os_hash_algo", "os_hash_value", "stores",
    ]
    static let reserved: Set<String> = ["location", "deleted", "deleted_at"]
    /// What begins like this is the service's own.
    static let reservedPrefix = "os_glance"

    private static let changeable: Set<String> = [
        "name", "visibility", "protected", "os_hidden", "owner", "disk_format", "container_format", "min_disk",
        "min_ram", "tags", "locations",
    ]

    /// Whether every image has it, so that it can be changed but neither added nor removed.
    static func isCore(_ name: String) -> Bool { changeable.contains(name) || readOnly.contains(name) }

    static func requireWritable(_ name: String) throws(Failure) {
        guard !readOnly.contains(name) else { throw .forbidden("Attribute '\(name)' is read-only.") }
        guard !reserved.contains(name), !name.hasPrefix(reservedPrefix) else {
            throw .forbidden("Attribute '\(name)' is reserved.")
        }
        guard name.unicodeScalars.count <= 255 else {
            throw .invalid("Custom property should not be greater than 255 characters.")
        }
    }

    static func shape(of name: String, _ settings: ImageSettings) -> Shape {
        switch name {
        case "id": .text(36...36, format: .uuid)
        case "name", "owner": .nullable(.text(0...255))
        case "visibility": .choice(Image.Visibility.allCases.map(\.rawValue))
        case "protected", "os_hidden": .boolean
        case "disk_format": .nullable(.choice(settings.diskFormats))
        case "container_format": .nullable(.choice(settings.containerFormats))
        case "min_disk", "min_ram": .integer(0...Int64(Int32.max))
        case "tags": .list(of: .text(0...255))
        default: .text
        }
    }

    static func check(_ name: String, _ value: JSON, _ settings: ImageSettings) throws(Failure) {
        do throws(Failure) {
            try shape(of: name, settings).check(value, at: name, version: "2.17")
        } catch {
            throw .invalid("Provided object does not match schema 'image': \(error.message)")
        }
    }
}

extension Image {
    /// Sets what a client says, which has been checked to be of the right shape.
    mutating func set(_ field: String, _ value: JSON) {
        switch field {
        case "name": name = value.string
        case "visibility": visibility = value.string.flatMap { Visibility(rawValue: $0) } ?? visibility
        case "protected": isProtected = value.bool ?? false
        case "os_hidden": isHidden = value.bool ?? false
        case "owner": owner = value.string
        case "disk_format": diskFormat = value.string
        case "container_format": containerFormat = value.string
        case "min_disk": minDisk = value.integer.map { Int($0) } ?? 0
        case "min_ram": minRAM = value.integer.map { Int($0) } ?? 0
        case "tags": tags = Array(Set((value.array ?? []).compactMap(\.string))).sorted()
        default: properties[field] = value.string
        }
    }

    func requireWithin(_ settings: ImageSettings) throws(Failure) {
        try Image.require(properties.count, within: settings.properties, "image properties")
        try Image.require(tags.count, within: settings.tags, "image tags")
    }

    static func require(_ count: Int, within limit: Int, _ what: String) throws(Failure) {
        guard count <= limit else {
            throw Failure(
                .overQuota,
                "The limit has been exceeded on the number of allowed \(what). Attempted: \(count), Maximum: \(limit)")
        }
    }
}
