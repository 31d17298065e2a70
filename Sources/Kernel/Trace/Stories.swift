import Synchronization

/// Spans of requests that gave somebody a token, until that token is used: what is done with it begins with them.
///
/// Kept in memory only, for a token costs no write. After a restart a story begins with its own request.
package final class Stories: Sendable {
    private let stories = Mutex<[Int: [Span]]>([:])

    /// At the limit all are forgotten: a story lacks its first lines then, and nothing else.
    private static let limit = 10_000

    package init() {}

    package subscript(token: String) -> [Span] {
        get { stories.withLock { $0[token.hashValue] ?? [] } }
        set {
            stories.withLock { stories in
                if stories.count >= Stories.limit { stories.removeAll(keepingCapacity: true) }
                stories[token.hashValue] = newValue
            }
        }
    }
}
