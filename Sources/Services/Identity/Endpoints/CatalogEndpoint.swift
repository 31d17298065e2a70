import API
import Base

/// Where a service answers: a URL in a region, for the public, for insiders or for administrators.
struct CatalogEndpoint: Resource, Hashable {
    static let one = "endpoint"
    static let many = "endpoints"

    enum Interface: String, Sendable, CaseIterable { case `public`, `internal`, admin }

    let id: ID<CatalogEndpoint>
    var interface: Interface
    var region: ID<Region>?
    var service: ID<CatalogService>
    var url: String
    var isEnabled: Bool
    var extra: Extra
}

extension CatalogEndpoint {
    static let known: Set<String> = ["id", "interface", "region", "region_id", "service_id", "url", "enabled"]

    init(_ body: JSON.Object, id: ID<CatalogEndpoint>) throws(Failure) {
        guard let interface = Interface(rawValue: try body.required("interface")) else {
            throw .field("endpoint.interface", "must be one of public, internal, admin")
        }
        self.init(
            id: id, interface: interface, region: CatalogEndpoint.region(in: body),
            service: ID(try body.required("service_id")), url: try body.required("url"),
            isEnabled: body.boolean("enabled") ?? true, extra: Extra(of: body, except: CatalogEndpoint.known))
        try CatalogEndpoint.check(url)
    }

    mutating func change(_ body: JSON.Object) throws(Failure) {
        if let interface = body.text("interface").flatMap(Interface.init) { self.interface = interface }
        if body.has("region_id") || body.has("region") { region = CatalogEndpoint.region(in: body) }
        if let service: ID<CatalogService> = body.id("service_id") { self.service = service }
        if let url = body.text("url") {
            try CatalogEndpoint.check(url)
            self.url = url
        }
        if let enabled = body.boolean("enabled") { isEnabled = enabled }
        extra = extra.merging(Extra(of: body, except: CatalogEndpoint.known))
    }

    /// `region` is what the field was called before it had the form of an id.
    private static func region(in body: JSON.Object) -> ID<Region>? { body.id("region_id") ?? body.id("region") }

    func write(to json: inout JSONWriter) {
        json.put("id", id)
        json.put("interface", interface.rawValue)
        json.put("region", region)
        json.put("region_id", region)
        json.put("service_id", service)
        json.put("url", url)
        json.put("enabled", isEnabled)
        extra.write(to: &json)
    }

    // MARK: The URL's blanks

    /// What may stand in a URL for the caller's own: `http://…/v1/AUTH_$(project_id)s`.
    private static let blanks: Set<String> = ["tenant_id", "project_id", "user_id"]

    private static func check(_ url: String) throws(Failure) {
        guard !url.isEmpty, url.unicodeScalars.count <= 2_048 else {
            throw .field("endpoint.url", "must have 1 to 2048 characters")
        }
        _ = try fill(url) { blanks.contains($0) ? "" : nil }
    }

    /// The URL for a project and a user; nil when it has a blank for a project and there is none.
    func url(project: String?, user: String) -> String? {
        try? CatalogEndpoint.fill(url) { name in
            switch name {
            case "tenant_id", "project_id": project
            case "user_id": user
            default: nil
            }
        }
    }

    /// Both `$(name)s` and the older `%(name)s` are filled in.
    private static func fill(_ url: String, _ value: (String) -> String?) throws(Failure) -> String {
        var result = ""
        var rest = url[...]
        while let open = rest.firstIndex(where: { $0 == "$" || $0 == "%" }) {
            result += rest[..<open]
            let behind = rest[rest.index(after: open)...]
            guard behind.first == "(", let close = behind.firstRange(of: ")s") else {
                throw .invalid("Malformed endpoint URL (\(url)), see the log for details.")
            }
            guard let filled = value(String(behind[behind.index(after: behind.startIndex)..<close.lowerBound])) else {
                throw .invalid("Malformed endpoint URL (\(url)), see the log for details.")
            }
            result += filled
            rest = behind[close.upperBound...]
        }
        return result + rest
    }
}
