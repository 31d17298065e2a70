import HTTP

/// Which pages of other sites a browser may let use the API (CORS).
package struct CrossOrigin: Sendable {
    private let origins: Set<String>

    /// - Parameter origins: `https://dashboard.example`; `*` for all.
    package init(_ origins: [String]) { self.origins = Set(origins) }

    package static let none = CrossOrigin([])

    private static let methods = "GET, HEAD, POST, PUT, PATCH, DELETE"
    private static let headers =
        "Accept, Content-Type, OpenStack-API-Version, X-Auth-Token, X-Openstack-Nova-API-Version, X-Openstack-Request-Id, X-Service-Token, X-Subject-Token"
    private static let exposed =
        "Content-Type, Location, OpenStack-API-Version, Openstack-Auth-Receipt, Vary, X-Openstack-Nova-API-Version, X-Openstack-Request-Id, X-Subject-Token"

    private func admitted(_ request: HTTPRequest) -> String? {
        guard !origins.isEmpty, let origin = request.headers["origin"] else { return nil }
        return origins.contains(origin) || origins.contains("*") ? origin : nil
    }

    /// The answer to a browser that asks whether it may ask; nil when the request is none of that kind.
    func preflight(_ request: HTTPRequest) -> HTTPResponse? {
        guard request.method == "OPTIONS", request.headers.contains("access-control-request-method"),
            let origin = admitted(request)
        else { return nil }
        return HTTPResponse(
            200,
            headers: [
                "Access-Control-Allow-Origin": origin, "Access-Control-Allow-Methods": CrossOrigin.methods,
                "Access-Control-Allow-Headers": CrossOrigin.headers, "Access-Control-Max-Age": "3600",
                "Access-Control-Allow-Credentials": "true", "Vary": "Origin",
            ])
    }

    /// Lets the page read the answer.
    func describe(_ request: HTTPRequest, in headers: inout HTTPHeaders) {
        guard let origin = admitted(request) else { return }
        headers.append("Access-Control-Allow-Origin", origin)
        headers.append("Access-Control-Allow-Credentials", "true")
        headers.append("Access-Control-Expose-Headers", CrossOrigin.exposed)
        headers.append("Vary", "Origin")
    }
}
