import API
import Base
import HTTP

/// What the Compute API had once. Clients that still ask are told that it is gone, not that they have mistyped.
enum GoneAPI {
    static let endpoints: [Endpoint<Compute>] = paths.flatMap { path, methods in
        methods.split(separator: " ").map { method in
            Endpoint(
                String(method), path, "Gone", access: .authenticated,
                { _ in
                    throw Failure(.gone, "This resource is no longer available. No forwarding address is given.")
                })
        }
    }

    private static let paths: [(path: String, methods: String)] = [
        ("/os-agents", "GET POST"), ("/os-agents/{id}", "PUT DELETE"), ("/os-cells", "GET POST"),
        ("/os-cells/capacities", "GET"), ("/os-cells/detail", "GET"), ("/os-cells/info", "GET"),
        ("/os-cells/sync_instances", "POST"), ("/os-cells/{id}", "GET PUT DELETE"),
        ("/os-cells/{id}/capacities", "GET"), ("/os-certificates", "POST"), ("/os-certificates/{id}", "GET"),
        ("/os-cloudpipe", "GET POST"), ("/os-cloudpipe/{id}", "PUT"), ("/os-fixed-ips/{id}", "GET"),
        ("/os-fixed-ips/{id}/action", "POST"), ("/os-floating-ip-dns", "GET"),
        ("/os-floating-ip-dns/{id}", "PUT DELETE"), ("/os-floating-ip-dns/{id}/entries/{name}", "GET PUT DELETE"),
        ("/os-floating-ips-bulk", "GET POST"), ("/os-floating-ips-bulk/{id}", "GET PUT"), ("/os-fping", "GET"),
        ("/os-fping/{id}", "GET"), ("/os-networks", "POST"), ("/os-networks/add", "POST"),
        ("/os-networks/{id}", "DELETE"), ("/os-networks/{id}/action", "POST"),
        ("/os-security-group-default-rules", "GET POST"), ("/os-security-group-default-rules/{id}", "GET DELETE"),
        ("/os-tenant-networks", "POST"), ("/os-tenant-networks/{id}", "DELETE"),
        ("/servers/{server_id}/consoles", "GET POST"), ("/servers/{server_id}/consoles/{id}", "GET DELETE"),
        ("/servers/{server_id}/os-virtual-interfaces", "GET"),
    ]
}
