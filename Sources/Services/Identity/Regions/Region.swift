import Base

/// A place where services run. Regions may stand within regions.
struct Region: Resource, Hashable {
    static let one = "region"
    static let many = "regions"

    let id: ID<Region>
    var description: String
    var parent: ID<Region>?
    var extra: Extra
}

extension Region {
    static let known: Set<String> = ["id", "description", "parent_region_id"]

    init(_ body: JSON.Object, id: ID<Region>) {
        self.init(
            id: id, description: body.text("description") ?? "", parent: body.id("parent_region_id"),
            extra: Extra(of: body, except: Region.known))
    }

    mutating func change(_ body: JSON.Object) {
        if body.has("description") { description = body.text("description") ?? "" }
        if body.has("parent_region_id") { parent = body.id("parent_region_id") }
        extra = extra.merging(Extra(of: body, except: Region.known))
    }

    func write(to json: inout JSONWriter) {
        json.put("id", id)
        json.put("description", description)
        json.put("parent_region_id", parent)
        extra.write(to: &json)
    }
}
