package import Base
package import HTTP

/// Data that lies somewhere in the web, under its address: it is fetched whenever somebody wants it, and is nobody's
/// here to change or remove.
package struct WebStore: Store {
    package let id = "web"
    package let kind = "http"
    package let isReadOnly = true
    let web: any Web
    let rules: WebRules

    package init(_ web: any Web, within rules: WebRules) {
        self.web = web
        self.rules = rules
    }

    package func receive() async throws(Failure) -> any Reception {
        throw .conflict("The store \(id) is read-only.")
    }

    package func open(_ key: StoreKey, _ range: Range<Int>) async throws(Failure) -> HTTPResponse.Body {
        let body = try await web.fetch(key.text, within: rules)
        return .stream(length: range.count) { writer in
            var place = 0
            while place < range.upperBound, let piece = try await body.next() {
                let wanted = range.clamped(to: place..<place + piece.count)
                if !wanted.isEmpty {
                    try await writer.write(Array(piece[wanted.lowerBound - place..<wanted.upperBound - place]))
                }
                place += piece.count
            }
            guard place >= range.upperBound else { throw Failure.unavailable("\(key.text) has become shorter.") }
        }
    }

    package func remove(_ key: StoreKey) async throws(Failure) {}

    package func keys() async throws(Failure) -> [StoreKey] { [] }

    package func url(of key: StoreKey) -> String { key.text }
}
