import API
import Base
import HTTP

extension Placement {
    /// What clients read first, to find out which versions there are.
    static let discovery: [Endpoint<Placement>] = [
        Endpoint("GET", "/", "List versions", access: .open, listVersions)
    ]

    private static func listVersions(_ call: Call<Placement>) async throws(Failure) -> Reply {
        let range = Placement.versions
        return .json(headers: call.fresh(nil)) {
            $0.array("versions") {
                $0.object {
                    $0.put("id", "v\(range.oldest)")
                    $0.put("max_version", range.newest.description)
                    $0.put("min_version", range.oldest.description)
                    $0.put("status", "CURRENT")
                    $0.array("links") {
                        $0.object {
                            $0.put("rel", "self")
                            $0.put("href", "")
                        }
                    }
                }
            }
        }
    }
}
