import API
import Base
import HTTP

extension Endpoint<Compute> {
    /// Those that refuse, from 2.75 on, parameters that they don't know.
    private static var strictPaths: Set<String> {
        [
            "/flavors", "/flavors/detail", "/os-keypairs", "/os-keypairs/{name}", "/servers", "/servers/detail",
            "/servers/{server_id}/os-volume_attachments", "/os-server-groups", "/os-services",
            "/os-quota-sets/{project_id}", "/os-quota-sets/{project_id}/detail", "/limits", "/os-simple-tenant-usage",
            "/os-simple-tenant-usage/{project_id}",
        ]
    }

    var strict: Endpoint<Compute> {
        guard !query.isEmpty, Endpoint<Compute>.strictPaths.contains(path) else { return self }
        let (handle, known) = (handle, Set(query.map(\.name)))
        return Endpoint(
            method, path, summary, access: access, query: query, body: body, since: since, until: until,
            { call in
                let other = call.query.items.first { !known.contains($0.name) && !$0.name.hasPrefix("_") }
                if let other, call.version >= "2.75" {
                    throw Failure.invalid("Additional properties are not allowed ('\(other.name)' was unexpected)")
                }
                return try await handle(call)
            })
    }
}
