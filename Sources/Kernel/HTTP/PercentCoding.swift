package import Base

/// Percent-encoding of URLs (RFC 3986).
package enum PercentCoding {
    /// The bytes that the text stands for; nil if a `%` isn't followed by two hexadecimal digits.
    package static func bytes(_ text: some StringProtocol, plusIsBlank: Bool = false) -> [UInt8]? {
        var decoded: [UInt8] = []
        decoded.reserveCapacity(text.utf8.count)
        var rest = text.utf8.makeIterator()
        while let byte = rest.next() {
            switch byte {
            case UInt8(ascii: "%"):
                guard let first = rest.next(), let second = rest.next(), let high = Hex.value(first),
                    let low = Hex.value(second)
                else { return nil }
                decoded.append(high << 4 | low)
            case UInt8(ascii: "+") where plusIsBlank: decoded.append(UInt8(ascii: " "))
            default: decoded.append(byte)
            }
        }
        return decoded
    }

    /// The text that the text stands for; nil also if that isn't UTF-8.
    package static func decode(_ text: Substring, plusIsBlank: Bool = false) -> String? {
        let isCoded = text.utf8.contains(UInt8(ascii: "%")) || text.utf8.contains(UInt8(ascii: "+"))
        guard isCoded else { return String(text) }
        return bytes(text, plusIsBlank: plusIsBlank).flatMap { String(validating: $0, as: UTF8.self) }
    }

    /// The parts of a path between its slashes, decoded, without the empty ones; and the first that can't be decoded.
    package static func segments(of path: String) -> (segments: [String], unreadable: String?) {
        var path = path
        return path.withUTF8 { bytes in
            var segments: [String] = []
            var unreadable: String?
            segments.reserveCapacity(6)
            var start = 0
            while start < bytes.count {
                var end = start
                var isCoded = false
                while end < bytes.count, bytes[end] != UInt8(ascii: "/") {
                    if bytes[end] == UInt8(ascii: "%") { isCoded = true }
                    end += 1
                }
                if end > start {
                    let segment = String(decoding: UnsafeBufferPointer(rebasing: bytes[start..<end]), as: UTF8.self)
                    let text = isCoded ? decode(segment[...]) : segment
                    if text == nil, unreadable == nil { unreadable = segment }
                    segments.append(text ?? segment)
                }
                start = end + 1
            }
            return (segments, unreadable)
        }
    }

    /// For a part of a path or of a query. `keeping` names reserved characters that stay as they are: "/" for a path.
    package static func encode(_ text: String, keeping: String = "") -> String {
        encode(text.utf8, keeping: keeping)
    }

    package static func encode(_ bytes: some Sequence<UInt8>, keeping: String = "") -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var encoded: [UInt8] = []
        for byte in bytes {
            if isUnreserved(byte) || keeping.utf8.contains(byte) {
                encoded.append(byte)
            } else {
                encoded += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: encoded, as: UTF8.self)
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"):
            true
        default: "-._~".utf8.contains(byte)
        }
    }
}

/// The pairs of a query string, in their order: `name=value&name=value`.
package struct HTTPQuery: Sendable {
    package struct Item: Sendable, Hashable {
        package let name: String
        /// "" for `name=`; nil for `name` alone.
        package let value: String?

        package init(_ name: String, _ value: String?) {
            self.name = name
            self.value = value
        }
    }

    package var items: [Item]

    package init(_ items: [Item] = []) { self.items = items }

    /// - Parameter text: what stands behind the question mark.
    package init(_ text: String) throws(Failure) {
        items = []
        for pair in text.utf8.split(separator: UInt8(ascii: "&")) {
            let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            items.append(Item(try HTTPQuery.decode(parts[0]), parts.count == 2 ? try HTTPQuery.decode(parts[1]) : nil))
        }
    }

    private static func decode(_ part: Substring.UTF8View) throws(Failure) -> String {
        guard let text = PercentCoding.decode(Substring(part), plusIsBlank: true) else {
            throw .invalid("The query has a malformed percent-encoding: \(Substring(part))")
        }
        return text
    }

    /// The first value of that name; "" if it stands there without one.
    package subscript(name: String) -> String? {
        items.first { $0.name == name }.map { $0.value ?? "" }
    }

    package func all(_ name: String) -> [String] { items.filter { $0.name == name }.map { $0.value ?? "" } }

    /// As it stands behind a question mark.
    package var text: String {
        items.map { item in
            let name = PercentCoding.encode(item.name)
            return item.value.map { name + "=" + PercentCoding.encode($0) } ?? name
        }.joined(separator: "&")
    }
}
