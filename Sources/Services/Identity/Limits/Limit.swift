import API
import Base

/// How much of something one project or domain may have, instead of what is registered for all.
struct Limit: Resource, Hashable {
    static let one = "limit"
    static let many = "limits"

    enum Owner: Hashable, Sendable {
        case project(ID<Project>, in: ID<Domain>?)
        case domain(ID<Domain>)
    }

    let id: ID<Limit>
    let owner: Owner
    let service: ID<CatalogService>
    let region: ID<Region>?
    let resource: String
    var amount: Int
    var description: String?
}

extension Limit {
    /// -1 is without limit.
    static let amountShape: Shape = .integer(-1...0x7FFF_FFFF)

    mutating func change(_ body: JSON.Object) {
        if let amount = body.integer("resource_limit") { self.amount = amount }
        if body.has("description") { description = body.text("description") }
    }

    func write(to json: inout JSONWriter) {
        json.put("id", id)
        switch owner {
        case .project(let project, _):
            json.put("project_id", project)
            json.putNull("domain_id")
        case .domain(let domain):
            json.putNull("project_id")
            json.put("domain_id", domain)
        }
        json.put("service_id", service)
        json.put("region_id", region)
        json.put("resource_name", resource)
        json.put("resource_limit", amount)
        json.put("description", description)
    }

    func attribute(_ name: String) -> String? {
        switch (name, owner) {
        case ("target.limit.project_id", .project(let project, _)): project.text
        case ("target.limit.project.domain_id", .project(_, let domain)): domain?.text
        case ("target.limit.domain.id", .domain(let domain)): domain.text
        default: nil
        }
    }
}
