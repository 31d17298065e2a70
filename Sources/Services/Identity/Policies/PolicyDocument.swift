import Base

/// A text that a service may fetch to decide what its callers may do. Identity keeps it and doesn't look inside.
struct PolicyDocument: Resource, Hashable {
    static let one = "policy"
    static let many = "policies"

    let id: ID<PolicyDocument>
    var type: String
    var blob: String
    var extra: Extra
}

extension PolicyDocument {
    static let known: Set<String> = ["id", "type", "blob"]

    init(_ body: JSON.Object, id: ID<PolicyDocument>) throws(Failure) {
        self.init(
            id: id, type: try body.required("type"), blob: try body.required("blob"),
            extra: Extra(of: body, except: PolicyDocument.known))
    }

    mutating func change(_ body: JSON.Object) throws(Failure) {
        if let given = body.text("id"), given != id.text { throw .invalid("Cannot change policy ID.") }
        if let type = body.text("type") { self.type = type }
        if let blob = body.text("blob") { self.blob = blob }
        extra = extra.merging(Extra(of: body, except: PolicyDocument.known))
    }

    func write(to json: inout JSONWriter) {
        json.put("id", id)
        json.put("type", type)
        json.put("blob", blob)
        extra.write(to: &json)
    }
}

/// What a policy is for: an endpoint, a service, or a service in a region and those within it.
enum PolicySubject: Hashable, Sendable {
    case endpoint(ID<CatalogEndpoint>)
    case service(ID<CatalogService>)
    case serviceInRegion(ID<CatalogService>, ID<Region>)
}
