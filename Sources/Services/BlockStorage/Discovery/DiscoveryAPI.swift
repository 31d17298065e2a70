import API
import Base

extension BlockStorage {
    /// What clients read first, to find out which versions there are.
    static let discovery: [Endpoint<BlockStorage>] = [
        Endpoint("GET", "/", "List versions", access: .open) { versions(300, $0) },
        Endpoint("GET", "/v3", "Show the version", access: .open) { versions(200, $0) },
    ]

    private static func versions(_ status: Int, _ call: Call<BlockStorage>) -> Reply {
        .json(status) { json in
            json.array("versions") { json in
                json.object { json in
                    json.put("id", "v3.0")
                    json.put("status", "CURRENT")
                    json.put("version", newest.description)
                    json.put("min_version", "3.0")
                    json.put("updated", "2023-08-31T00:00:00Z")
                    json.array("links") { json in
                        json.object {
                            $0.put("rel", "describedby")
                            $0.put("type", "text/html")
                            $0.put("href", "https://docs.openstack.org/")
                        }
                        json.object {
                            $0.put("rel", "self")
                            $0.put("href", call.link("/v3/"))
                        }
                    }
                    json.array("media-types") { json in
                        json.object {
                            $0.put("base", "application/json")
                            $0.put("type", "application/vnd.openstack.volume+json;version=3")
                        }
                    }
                }
            }
        }
    }
}
