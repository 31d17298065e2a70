import API
import Base
import HTTP
import Policy

/// `/os-baremetal-nodes`: there is no bare metal service here to ask, and its nodes were never changed by this way.
enum BareMetalProxy {
    static let endpoints: [Endpoint<Compute>] = [
        .get("/os-baremetal-nodes", "List bare metal nodes", may: .listBareMetal, until: Proxy.last, ask),
        .get("/os-baremetal-nodes/{node_id}", "Show a bare metal node", may: .showBareMetal, until: Proxy.last, ask),
        Endpoint("POST", "/os-baremetal-nodes", "Gone", access: .authenticated, until: Proxy.last, refuse),
        Endpoint("DELETE", "/os-baremetal-nodes/{node_id}", "Gone", access: .authenticated, until: Proxy.last, refuse),
        Endpoint(
            "POST", "/os-baremetal-nodes/{node_id}/action", "Gone", access: .authenticated, until: Proxy.last, refuse),
    ]

    private static func ask(_ call: Call<Compute>) async throws(Failure) -> Reply {
        throw Failure(.notImplemented, "There is no bare metal service in this cloud.")
    }

    private static func refuse(_ call: Call<Compute>) async throws(Failure) -> Reply {
        throw .invalid("Command not supported. Please use the bare metal service to perform this action.")
    }
}

extension Rule {
    static let listBareMetal = Rule("os_compute_api:os-baremetal-nodes:list", "List bare metal nodes", May.admin)
    static let showBareMetal = Rule("os_compute_api:os-baremetal-nodes:show", "Show a bare metal node", May.admin)
}
