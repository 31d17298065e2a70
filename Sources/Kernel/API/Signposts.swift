import HTTP
import IO
import Synchronization

/// Discovery documents as they were last written. They depend on where they are asked for and on nothing else, and
/// every client asks for one before it asks for anything: so each is written once.
final class Signposts: Sendable {
    struct Signpost: Sendable {
        let service: ServiceAPI
        let entry: ServiceAPI.Entry
        let version: Microversion
        let reply: Reply
    }

    private struct Place: Hashable {
        let scheme: String
        let host: String?
        let port: Int?
        let path: String

        init(_ request: HTTPRequest) {
            scheme = request.scheme
            host = request.host
            port = request.local?.port
            path = request.path
        }

        /// There are a few of each path at most.
        func hash(into hasher: inout Hasher) { hasher.combine(path) }
    }

    private let known = Mutex<[Place: Signpost]>([:])

    /// Clients could make up any number of names for this machine.
    private static let most = 64

    func find(for request: HTTPRequest) -> Signpost? {
        guard request.method == "GET", request.query == nil else { return nil }
        let place = Place(request)
        return known.withLock { $0[place] }
    }

    func keep(_ signpost: Signpost, for request: HTTPRequest) {
        guard signpost.entry.isSignpost, request.method == "GET", request.query == nil else { return }
        let place = Place(request)
        known.withLock { known in
            if known.count >= Signposts.most { known = [:] }
            known[place] = signpost
        }
    }
}
