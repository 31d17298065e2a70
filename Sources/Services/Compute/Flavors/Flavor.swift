import API
import Base

/// A size of server: how many processors, how much memory and disk.
struct Flavor: Hashable, Sendable {
    let id: ID<Flavor>
    var name: String
    var vcpus: Int
    /// MB.
    var memory: Int
    /// GB.
    var disk: Int
    /// GB.
    var ephemeral: Int
    /// MB.
    var swap: Int
    var rxtxFactor: Double
    var isPublic: Bool
    var description: String?
    var extraSpecs: JSON.Object
}

extension Flavor {
    init(_ body: JSON.Object, id: ID<Flavor>) throws(Failure) {
        self.init(
            id: id, name: try body.required("name").trimmed, vcpus: body.integer("vcpus") ?? 1,
            memory: body.integer("ram") ?? 1, disk: body.integer("disk") ?? 0,
            ephemeral: body.integer("OS-FLV-EXT-DATA:ephemeral") ?? 0, swap: body.integer("swap") ?? 0,
            rxtxFactor: body["rxtx_factor"]?.looseNumber ?? 1,
            isPublic: body.boolean("os-flavor-access:is_public") ?? true,
            description: body.text("description"), extraSpecs: JSON.Object())
        guard rxtxFactor > 0 else { throw .field("flavor.rxtx_factor", "must be greater than 0") }
    }

    func write(to json: inout JSONWriter, at version: Microversion, links: Links, showsExtraSpecs: Bool) {
        json.put("id", id)
        json.put("name", name)
        json.put("ram", memory)
        json.put("disk", disk)
        // Clients of all ages are used to an empty text for no swap, until 2.75.
        if swap == 0, version < "2.75" { json.put("swap", "") } else { json.put("swap", swap) }
        json.put("OS-FLV-EXT-DATA:ephemeral", ephemeral)
        json.put("OS-FLV-DISABLED:disabled", false)
        json.put("vcpus", vcpus)
        json.put("os-flavor-access:is_public", isPublic)
        if version < "2.102" { json.put("rxtx_factor", rxtxFactor) }
        links.write(to: &json, "flavors", id.text)
        if version >= "2.55" { json.put("description", description) }
        if version >= "2.61", showsExtraSpecs { json.put("extra_specs", .object(extraSpecs)) }
    }

    func writeBrief(to json: inout JSONWriter, at version: Microversion, links: Links) {
        json.put("id", id)
        json.put("name", name)
        links.write(to: &json, "flavors", id.text)
        if version >= "2.55" { json.put("description", description) }
    }

    /// As servers carry it: the flavor as it was when they were made.
    func writeEmbedded(to json: inout JSONWriter, showsExtraSpecs: Bool) {
        json.put("vcpus", vcpus)
        json.put("ram", memory)
        json.put("disk", disk)
        json.put("ephemeral", ephemeral)
        json.put("swap", swap)
        json.put("original_name", name)
        if showsExtraSpecs { json.put("extra_specs", .object(extraSpecs)) }
    }
}

extension Flavor: JSONCoded {
    init(_ json: JSON) throws(Failure) {
        self.init(
            id: ID(try json.text("id")), name: try json.text("name"), vcpus: try json.number("vcpus"),
            memory: try json.number("memory"), disk: try json.number("disk"), ephemeral: try json.number("ephemeral"),
            swap: try json.number("swap"), rxtxFactor: 1, isPublic: true, description: nil,
            extraSpecs: json["extra_specs"]?.object ?? JSON.Object())
    }

    /// What a server keeps of its flavor.
    var json: JSON {
        [
            "id": .string(id.text), "name": .string(name), "vcpus": JSON(vcpus), "memory": JSON(memory),
            "disk": JSON(disk), "ephemeral": JSON(ephemeral), "swap": JSON(swap), "extra_specs": .object(extraSpecs),
        ]
    }
}
