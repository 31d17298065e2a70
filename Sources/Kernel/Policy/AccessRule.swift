/// A kind of request that an application credential may be used for: `GET /v2.1/servers/{id}` of compute.
///
/// In the path, `*` and `{anything}` stand for a part between slashes, `**` for any number of parts.
package struct AccessRule: Sendable, Hashable {
    package let id: String
    package let service: String
    package let method: String
    package let path: String

    package init(id: String, service: String, method: String, path: String) {
        self.id = id
        self.service = service
        self.method = method
        self.path = path
    }

    package func allows(_ method: String, _ path: String, of services: [String]) -> Bool {
        method == self.method && services.contains(service) && matches(path)
    }

    private enum Piece {
        case byte(UInt8)
        case part
        case anything
    }

    private var pieces: [Piece] {
        var pieces: [Piece] = []
        var rest = path.utf8[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "*") where rest.first == UInt8(ascii: "*"):
                rest.removeFirst()
                pieces.append(.anything)
            case UInt8(ascii: "*"): pieces.append(.part)
            case UInt8(ascii: "{"):
                guard let end = rest.firstIndex(of: UInt8(ascii: "}")) else { return [] }
                rest = rest[rest.index(after: end)...]
                pieces.append(.part)
            default: pieces.append(.byte(byte))
            }
        }
        return pieces
    }

    /// Follows all ways to match at once, so that no pattern can make it slow.
    private func matches(_ path: String) -> Bool {
        let bytes = Array(path.utf8)
        var reached = [Bool](repeating: false, count: bytes.count + 1)
        reached[0] = true
        for piece in pieces {
            var next = [Bool](repeating: false, count: bytes.count + 1)
            var isOpen = false
            for place in 0...bytes.count {
                switch piece {
                case .byte(let byte):
                    if reached[place], place < bytes.count, bytes[place] == byte { next[place + 1] = true }
                case .part:
                    isOpen = isOpen || reached[place]
                    guard place < bytes.count else { continue }
                    if bytes[place] == UInt8(ascii: "/") { isOpen = false }
                    if isOpen { next[place + 1] = true }
                case .anything:
                    isOpen = isOpen || reached[place]
                    if isOpen { next[place] = true }
                }
            }
            reached = next
        }
        return reached[bytes.count]
    }
}
