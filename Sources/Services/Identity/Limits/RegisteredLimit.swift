import Base

/// How much of something a project may have of a service unless a limit of its own says otherwise.
struct RegisteredLimit: Resource, Hashable {
    static let one = "registered_limit"
    static let many = "registered_limits"

    let id: ID<RegisteredLimit>
    var service: ID<CatalogService>
    /// nil: in all regions.
    var region: ID<Region>?
    var resource: String
    var amount: Int
    var description: String?
}

extension RegisteredLimit {
    init(_ body: JSON.Object, id: ID<RegisteredLimit>) throws(Failure) {
        self.init(
            id: id, service: ID(try body.required("service_id")), region: body.id("region_id"),
            resource: try body.required("resource_name"), amount: body.integer("default_limit") ?? 0,
            description: body.text("description"))
    }

    mutating func change(_ body: JSON.Object) {
        if let service: ID<CatalogService> = body.id("service_id") { self.service = service }
        if body.has("region_id") { region = body.id("region_id") }
        if let resource = body.text("resource_name") { self.resource = resource }
        if let amount = body.integer("default_limit") { self.amount = amount }
        if body.has("description") { description = body.text("description") }
    }

    func write(to json: inout JSONWriter) {
        json.put("id", id)
        json.put("service_id", service)
        json.put("region_id", region)
        json.put("resource_name", resource)
        json.put("default_limit", amount)
        json.put("description", description)
    }
}
