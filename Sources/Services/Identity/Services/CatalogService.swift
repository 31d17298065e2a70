import Base

/// A service of the cloud as the catalog knows it: what type it is, and what it is called.
struct CatalogService: Resource, Hashable {
    static let one = "service"
    static let many = "services"

    let id: ID<CatalogService>
    var type: String
    var name: String?
    var isEnabled: Bool
    var extra: Extra
}

extension CatalogService {
    static let known: Set<String> = ["id", "type", "name", "enabled"]

    init(_ body: JSON.Object, id: ID<CatalogService>) throws(Failure) {
        self.init(
            id: id, type: try body.required("type"), name: body.text("name"),
            isEnabled: body.boolean("enabled") ?? true,
            extra: Extra(of: body, except: CatalogService.known))
    }

    mutating func change(_ body: JSON.Object) {
        if let type = body.text("type") { self.type = type }
        if body.has("name") { name = body.text("name") }
        if let enabled = body.boolean("enabled") { isEnabled = enabled }
        extra = extra.merging(Extra(of: body, except: CatalogService.known))
    }

    func write(to json: inout JSONWriter) {
        json.put("id", id)
        json.put("type", type)
        json.put("enabled", isEnabled)
        if let name { json.put("name", name) }
        extra.write(to: &json)
    }
}
