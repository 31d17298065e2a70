import API
import Base
import HTTP

extension Identity {
    /// What clients read first, to find out which versions there are.
    static let discovery: [Endpoint<Identity>] = [
        Endpoint("GET", "/", "List versions", access: .open, versions),
        Endpoint("GET", "/v3", "Show the version", access: .open, version),
    ]

    private static func versions(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let here = call.link("/v3/")
        return .json(300, headers: ["Location": here]) {
            $0.object("versions") {
                $0.array("values") { $0.object { write(to: &$0, here) } }
            }
        }
    }

    private static func version(_ call: Call<Identity>) async throws(Failure) -> Reply {
        .json { $0.object("version") { write(to: &$0, call.link("/v3/")) } }
    }

    private static func write(to json: inout JSONWriter, _ here: String) {
        json.put("id", "v3.14")
        json.put("status", "stable")
        json.put("updated", "2020-04-07T00:00:00Z")
        json.array("links") {
            $0.object {
                $0.put("rel", "self")
                $0.put("href", here)
            }
        }
        json.array("media-types") {
            $0.object {
                $0.put("base", "application/json")
                $0.put("type", "application/vnd.openstack.identity-v3+json")
            }
        }
    }
}
