import Base

/// An element of an XML document, as libvirt writes and reads them: attributes, and either words or further elements.
struct XML: Sendable, ExpressibleByStringLiteral {
    var name: String
    var attributes: [String: String]
    var words: String
    var children: [XML]

    init(_ name: String, _ attributes: [String: String] = [:], words: String = "", _ children: [XML?] = []) {
        self.name = name
        self.attributes = attributes
        self.words = words
        self.children = children.compactMap(\.self)
    }

    init(_ name: String, _ children: [XML?]) { self.init(name, [:], children) }

    /// An element that says all by its name.
    init(stringLiteral name: String) { self.init(name) }

    subscript(_ attribute: String) -> String? { attributes[attribute] }

    func child(_ name: String) -> XML? { children.first { $0.name == name } }

    func all(_ name: String) -> [XML] { children.filter { $0.name == name } }

    // MARK: Writing

    var text: String {
        var text = "<" + name
        for (name, value) in attributes.sorted(by: { $0.key < $1.key }) {
            text += " \(name)=\"\(XML.escaped(value))\""
        }
        guard !children.isEmpty || !words.isEmpty else { return text + "/>" }
        return text + ">" + XML.escaped(words) + children.map(\.text).joined() + "</\(name)>"
    }

    /// What no XML document may hold is left out.
    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "\t", "\n", "\r": escaped += "&#\(scalar.value);"
            case "\u{0}"..<" ", "\u{7F}", "\u{FFFE}", "\u{FFFF}": break
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}

extension XML {
    init(reading text: String) throws(Failure) {
        var reader = Reader(bytes: Array(text.utf8))
        self = try reader.document()
    }

    /// Reads what libvirt writes, which is regular: elements, attributes, words, comments and a heading, no more.
    private struct Reader {
        let bytes: [UInt8]
        var place = 0

        /// Documents of libvirt's are some ten levels deep.
        private static let deepest = 64

        mutating func document() throws(Failure) -> XML {
            try skip()
            return try element(depth: 0)
        }

        private mutating func element(depth: Int) throws(Failure) -> XML {
            guard depth < Reader.deepest else { throw Reader.problem }
            try expect("<")
            var element = XML(name())
            while true {
                space()
                if take("/>") { return element }
                if take(">") { break }
                let attribute = name()
                guard !attribute.isEmpty else { throw Reader.problem }
                try expect("=")
                let quote = take("'") ? "'" : "\""
                if quote == "\"" { try expect("\"") }
                element.attributes[attribute] = Reader.plain(upTo(quote))
                try expect(quote)
            }
            while true {
                element.words += Reader.plain(upTo("<"))
                if take("<!--") {
                    _ = upTo("-->")
                    try expect("-->")
                } else if take("</") {
                    _ = upTo(">")
                    try expect(">")
                    if !element.children.isEmpty { element.words = "" }
                    return element
                } else {
                    element.children.append(try self.element(depth: depth + 1))
                }
            }
        }

        /// What stands before the first element.
        private mutating func skip() throws(Failure) {
            while true {
                space()
                if take("<?") {
                    _ = upTo("?>")
                    try expect("?>")
                } else if take("<!--") {
                    _ = upTo("-->")
                    try expect("-->")
                } else {
                    return
                }
            }
        }

        private mutating func space() {
            while place < bytes.count, bytes[place] <= UInt8(ascii: " ") { place += 1 }
        }

        private mutating func name() -> String {
            let ends = Set("=/> \n\t".utf8)
            let start = place
            while place < bytes.count, !ends.contains(bytes[place]) { place += 1 }
            return String(decoding: bytes[start..<place], as: UTF8.self)
        }

        private mutating func upTo(_ end: String) -> String {
            let start = place
            while place < bytes.count, !bytes[place...].starts(with: end.utf8) { place += 1 }
            return String(decoding: bytes[start..<place], as: UTF8.self)
        }

        private mutating func take(_ text: String) -> Bool {
            guard bytes[place...].starts(with: text.utf8) else { return false }
            place += text.utf8.count
            return true
        }

        private mutating func expect(_ text: String) throws(Failure) {
            guard take(text) else { throw Reader.problem }
        }

        private static var problem: Failure { .bug("libvirt says something that is no XML as it writes it.") }

        private static func plain(_ text: String) -> String {
            guard text.contains("&") else { return text }
            var plain = ""
            for (index, part) in text.split(separator: "&", omittingEmptySubsequences: false).enumerated() {
                guard index > 0, let end = part.firstIndex(of: ";") else {
                    plain += part
                    continue
                }
                plain += character(part[..<end]) + part[part.index(after: end)...]
            }
            return plain
        }

        private static func character(_ name: Substring) -> String {
            switch name {
            case "amp": return "&"
            case "lt": return "<"
            case "gt": return ">"
            case "quot": return "\""
            case "apos": return "'"
            default:
                let digits = name.dropFirst()
                let number = digits.first == "x" ? UInt32(digits.dropFirst(), radix: 16) : UInt32(digits)
                return number.flatMap(Unicode.Scalar.init).map(String.init) ?? ""
            }
        }
    }
}
