import API
import Base
import HTTP

extension ImageService {
    /// What clients read first, to find out which versions there are.
    static let discovery: [Endpoint<ImageService>] = [
        Endpoint("GET", "/", "List versions", access: .open) { call in versions(call, status: 300) },
        Endpoint("GET", "/versions", "List versions", access: .open) { call in versions(call, status: 200) },
    ]

    /// Those that a cloud with named stores has, and without a cache of images.
    private static let minorVersions = [17, 15, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]

    private static func versions(_ call: Call<ImageService>, status: Int) -> Reply {
        .json(status) { json in
            json.array("versions", of: minorVersions) { minor, json in
                json.object {
                    $0.put("id", "v2.\(minor)")
                    $0.put("status", minor == minorVersions[0] ? "CURRENT" : "SUPPORTED")
                    $0.array("links") {
                        $0.object {
                            $0.put("rel", "self")
                            $0.put("href", call.link("/v2/"))
                        }
                    }
                }
            }
        }
    }
}
