import API
import Base

extension Compute {
    /// What clients read first, to find out which versions there are.
    static let discovery: [Endpoint<Compute>] = [
        Endpoint("GET", "/", "List versions", access: .open, versions),
        Endpoint("GET", "/v2.1", "Show the version", access: .open, version),
        Endpoint("GET", "/v2", "Show the older version", access: .open, olderVersion),
    ]

    private static func versions(_ call: Call<Compute>) async throws(Failure) -> Reply {
        .json { json in
            json.array("versions") { json in
                json.object { write("v2.0", "SUPPORTED", nil, "2011-01-21T11:33:21Z", call.link("/v2/"), to: &$0) }
                json.object { write("v2.1", "CURRENT", range, "2013-07-23T11:33:21Z", call.link("/v2.1/"), to: &$0) }
            }
        }
    }

    private static func version(_ call: Call<Compute>) async throws(Failure) -> Reply {
        one("v2.1", "CURRENT", range, "2013-07-23T11:33:21Z", call.link("/v2.1/"))
    }

    private static func olderVersion(_ call: Call<Compute>) async throws(Failure) -> Reply {
        one("v2.0", "SUPPORTED", nil, "2011-01-21T11:33:21Z", call.link("/v2/"))
    }

    private static let range: (oldest: String, newest: String) = ("2.1", "2.104")

    private static func one(
        _ id: String, _ status: String, _ range: (oldest: String, newest: String)?, _ updated: String, _ here: String
    ) -> Reply {
        .json { json in
            json.object("version") { json in
                write(id, status, range, updated, here, to: &json)
                json.array("media-types") { json in
                    json.object {
                        $0.put("base", "application/json")
                        $0.put("type", "application/vnd.openstack.compute+json;version=\(id == "v2.0" ? "2" : "2.1")")
                    }
                }
            }
        }
    }

    private static func write(
        _ id: String, _ status: String, _ range: (oldest: String, newest: String)?, _ updated: String, _ here: String,
        to json: inout JSONWriter
    ) {
        json.put("id", id)
        json.put("status", status)
        json.put("version", range?.newest ?? "")
        json.put("min_version", range?.oldest ?? "")
        json.put("updated", updated)
        json.array("links") { json in
            json.object {
                $0.put("rel", "self")
                $0.put("href", here)
            }
        }
    }
}
