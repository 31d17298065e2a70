import API
import Base
import HTTP

/// What a client learns before it knows anything: the versions, and what one of them holds.
enum Discovery {
    static let roots: [Endpoint<Network>] = [
        Endpoint("GET", "/", "List versions", access: .open) { call in
            .json { $0.array("versions", of: [()]) { _, json in json.object { version(&$0, call) } } }
        },
        Endpoint("GET", "/v2.0", "List the resources of the version", access: .open) { call in
            .json { json in
                json.array("resources", of: Network.resources) { resource, json in
                    json.object {
                        $0.put("name", resource.one)
                        $0.put("collection", resource.many)
                        $0.array("links") { $0.object { link(&$0, call.link("/v2.0" + resource.path)) } }
                    }
                }
            }
        },
    ]

    private static func version(_ json: inout JSONWriter, _ call: Call<Network>) {
        json.put("id", "v2.0")
        json.put("status", "CURRENT")
        json.array("links") { $0.object { link(&$0, call.link("/v2.0/")) } }
    }

    private static func link(_ json: inout JSONWriter, _ href: String) {
        json.put("rel", "self")
        json.put("href", href)
    }
}
