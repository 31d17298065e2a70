import Base

/// What only some servers have, and no list is narrowed by: kept together in one column.
struct Particulars: JSONCoded, Hashable {
    /// Whether the guest's partition grows with its disk is the guest's own business; clients get back what they said.
    var diskConfig = "MANUAL"
    var trustedCertificates: [String]?
    /// The zone that was asked for, by which the server is held there.
    var pinnedZone: String?
    /// The host to which it is on its way while it still runs on another.
    var headedFor: String?
    /// The image from which it runs while it is being rescued.
    var rescueImage: String?
    /// What it was written to when it was shelved; it is made from that again.
    var shelvedImage: String?
    /// What it was before something that can be taken back: a resize, a rescue, a deletion.
    var before: Before?
    /// The guest's own password, sealed with its user's key, as the guest told it.
    var password = ""
    /// When it was deleted for the time being.
    var deleted: Moment?
    /// The properties of its image that describe hardware, for those who ask.
    var imageProperties = JSON.Object()
    /// MB that its image needs at least, and images of it too.
    var minimumMemory = 0
}

extension Particulars {
    struct Before: JSONCoded, Hashable {
        var state: ServerState
        var flavor: Flavor
        var host: String?
        var zone: String

        init(_ server: Server) {
            state = server.state
            flavor = server.flavor
            host = server.host
            zone = server.zone
        }

        init(_ json: JSON) throws(Failure) {
            state = ServerState(rawValue: try json.text("state")) ?? .active
            flavor = try Flavor(json.member("flavor"))
            host = json["host"]?.string
            zone = try json.text("zone")
        }

        var json: JSON {
            ["state": .string(state.rawValue), "flavor": flavor.json, "host": JSON(host), "zone": .string(zone)]
        }
    }

    init(_ json: JSON) throws(Failure) {
        self.init()
        diskConfig = json["disk_config"]?.string ?? "MANUAL"
        trustedCertificates = json["trusted_certificates"]?.array?.compactMap(\.string)
        pinnedZone = json["pinned_zone"]?.string
        headedFor = json["headed_for"]?.string
        rescueImage = json["rescue_image"]?.string
        shelvedImage = json["shelved_image"]?.string
        if let before = json["before"], !before.isNull { self.before = try Before(before) }
        password = json["password"]?.string ?? ""
        deleted = json["deleted"]?.integer.map { Moment(microseconds: $0) }
        imageProperties = json["image_properties"]?.object ?? JSON.Object()
        minimumMemory = json["minimum_memory"]?.integer.map { Int($0) } ?? 0
    }

    /// Only what there is to say: it is read with the server, which is read often.
    var json: JSON {
        var json = JSON.Object()
        if diskConfig != "MANUAL" { json["disk_config"] = .string(diskConfig) }
        if let trustedCertificates { json["trusted_certificates"] = JSON(trustedCertificates) }
        if let pinnedZone { json["pinned_zone"] = .string(pinnedZone) }
        if let headedFor { json["headed_for"] = .string(headedFor) }
        if let rescueImage { json["rescue_image"] = .string(rescueImage) }
        if let shelvedImage { json["shelved_image"] = .string(shelvedImage) }
        if let before { json["before"] = before.json }
        if !password.isEmpty { json["password"] = .string(password) }
        if let deleted { json["deleted"] = JSON(deleted) }
        if !imageProperties.members.isEmpty { json["image_properties"] = .object(imageProperties) }
        if minimumMemory != 0 { json["minimum_memory"] = JSON(minimumMemory) }
        return .object(json)
    }
}
