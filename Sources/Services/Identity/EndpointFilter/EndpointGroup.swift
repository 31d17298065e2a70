import Base

/// The endpoints that have something in common: a service, a region, an interface. Projects may be shown just these.
struct EndpointGroup: Resource, Hashable {
    static let one = "endpoint_group"
    static let many = "endpoint_groups"

    let id: ID<EndpointGroup>
    var name: String
    var description: String?
    var filters: Filters
    var path: String { "/OS-EP-FILTER/endpoint_groups/\(id)" }

    /// What an endpoint has to be; nil is anything.
    struct Filters: Hashable, Sendable {
        var service: ID<CatalogService>?
        var region: ID<Region>?
        var interface: CatalogEndpoint.Interface?
    }
}

extension EndpointGroup {
    init(_ body: JSON.Object, id: ID<EndpointGroup>) throws(Failure) {
        guard let filters = Filters(of: body) else { throw .invalid("filters field is required and cannot be empty") }
        self.init(
            id: id, name: try body.required("name"), description: body.text("description"), filters: filters)
    }

    mutating func change(_ body: JSON.Object) {
        if let name = body.text("name") { self.name = name }
        if body.has("description") { description = body.text("description") }
        if let filters = Filters(of: body) { self.filters = filters }
    }

    func holds(_ endpoint: CatalogEndpoint) -> Bool { filters.fit(endpoint) }

    func write(to json: inout JSONWriter) {
        json.put("id", id)
        json.put("name", name)
        json.put("description", description)
        json.put("filters", filters.json)
    }
}

extension EndpointGroup.Filters {
    /// nil where a body has no filters, or empty ones.
    init?(of body: JSON.Object) {
        guard let filters = body["filters"]?.object, !filters.members.isEmpty else { return nil }
        self.init(filters)
    }

    init(_ filters: JSON.Object) {
        self.init(
            service: filters.id("service_id"), region: filters.id("region_id"),
            interface: filters.text("interface").flatMap(CatalogEndpoint.Interface.init))
    }

    func fit(_ endpoint: CatalogEndpoint) -> Bool {
        (service == nil || service == endpoint.service) && (region == nil || region == endpoint.region)
            && (interface == nil || interface == endpoint.interface)
    }

    var json: JSON {
        var object = JSON.Object()
        if let service { object["service_id"] = .string(service.text) }
        if let region { object["region_id"] = .string(region.text) }
        if let interface { object["interface"] = .string(interface.rawValue) }
        return .object(object)
    }
}
