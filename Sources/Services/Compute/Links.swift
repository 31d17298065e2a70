import API
import Base
import HTTP

/// The two links that compute's documents have: the thing in this version, and its bookmark without one.
struct Links: Sendable {
    let base: String

    init(_ call: Call<Compute>) { base = call.link("") }

    func write(to json: inout JSONWriter, _ collection: String, _ id: String) {
        json.array("links") { json in
            json.object {
                $0.put("rel", "self")
                $0.put("href", "\(base)/v2.1/\(collection)/\(id)")
            }
            json.object {
                $0.put("rel", "bookmark")
                $0.put("href", "\(base)/\(collection)/\(id)")
            }
        }
    }

    func writeBookmark(to json: inout JSONWriter, _ collection: String, _ id: String) {
        json.array("links") { json in
            json.object {
                $0.put("rel", "bookmark")
                $0.put("href", "\(base)/\(collection)/\(id)")
            }
        }
    }
}

/// A piece of a list, and whether there is more behind it.
struct Page<Thing: Sendable>: Sendable {
    let things: [Thing]
    let next: String?
}

extension Call<Compute> {
    /// How many things a list may have: what is asked for, and never more than a thousand.
    func limit() throws(Failure) -> Int {
        guard let asked = try query.integer("limit") else { return Compute.greatestPage }
        guard asked >= 0 else { throw .field("limit", "must not be negative") }
        return asked == 0 ? Compute.greatestPage : min(asked, Compute.greatestPage)
    }

    /// The link to what comes behind a page, with the same conditions.
    func writeNext(_ name: String, _ marker: String?, at path: String, to json: inout JSONWriter) {
        guard let marker else { return }
        json.array(name + "_links") { json in
            json.object {
                $0.put("rel", "next")
                $0.put("href", next(marker, at: path))
            }
        }
    }

    func next(_ marker: String, at path: String) -> String {
        let items = query.items.filter { $0.name != "marker" } + [.init("marker", marker)]
        return link("/v2.1" + path) + "?" + Parameters(items).text
    }
}
