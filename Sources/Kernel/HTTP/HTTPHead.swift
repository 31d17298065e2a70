import Base
import Glibc

/// Reads the head of a request or a response, line by line, as its bytes come in.
///
/// Each byte is looked at once, however the network cuts the message up; whatever could be read in two ways is refused.
struct HTTPHeadParser {
    enum Kind { case request, response }

    enum StartLine: Equatable {
        case request(method: Range<Int>, target: Range<Int>)
        case response(status: Int)
    }

    private let kind: Kind
    private let longestFirstLine: Int
    private let largestHead: Int
    private let mostFields: Int
    private let start: Int
    private var lineStart: Int
    private var searched: Int
    private var sawEmptyLine = false

    private(set) var startLine: StartLine?
    /// 0 or 1, of HTTP/1.x.
    private(set) var minorVersion = 1
    private(set) var fields: [HTTPHeaders.Field] = []

    /// Where the body begins, once the head is complete.
    var end: Int { lineStart }

    /// - Parameter start: where in the bytes the message begins.
    init(_ kind: Kind, limits: HTTPLimits, start: Int) {
        self.kind = kind
        longestFirstLine = limits.requestLine
        largestHead = limits.requestLine + limits.headerBytes
        mostFields = limits.headerCount
        self.start = start
        lineStart = start
        searched = start
    }

    /// True when the head is complete; false when more bytes are needed. The bytes before are always the same.
    mutating func parse(_ bytes: Span<UInt8>) throws(HTTPRefusal) -> Bool {
        while let newline = HTTPHeadParser.newline(in: bytes, from: searched) {
            guard newline > lineStart, bytes[newline - 1] == HTTPSyntax.carriageReturn else {
                throw .malformed("A line ends without a carriage return.")
            }
            let line = lineStart..<(newline - 1)
            lineStart = newline + 1
            searched = lineStart
            if startLine == nil {
                try parseFirst(bytes, line)
            } else if line.isEmpty {
                return true
            } else {
                try parseField(bytes, line)
            }
            try checkSize(upTo: lineStart)
        }
        searched = bytes.count
        if startLine == nil, lineStart < bytes.count { try checkBeginning(bytes[lineStart]) }
        try checkSize(upTo: bytes.count)
        return false
    }

    private static func newline(in bytes: Span<UInt8>, from place: Int) -> Int? {
        guard place < bytes.count else { return nil }
        return bytes.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return nil }
            guard let found = memchr(base + place, Int32(HTTPSyntax.newline), buffer.count - place) else { return nil }
            return UnsafeRawPointer(base).distance(to: found)
        }
    }

    /// What doesn't begin like a message (a TLS greeting on a plain port) is refused without waiting for its end.
    private func checkBeginning(_ byte: UInt8) throws(HTTPRefusal) {
        guard HTTPSyntax.isToken(byte) || byte == HTTPSyntax.carriageReturn else {
            throw .malformed("This is not HTTP.")
        }
    }

    private func checkSize(upTo end: Int) throws(HTTPRefusal) {
        if startLine == nil {
            guard end - start <= longestFirstLine else { throw HTTPRefusal(414, "The request line is too long.") }
        } else {
            guard end - start <= largestHead else {
                throw HTTPRefusal(431, "The headers are too large.")
            }
        }
    }

    // MARK: The first line

    private mutating func parseFirst(_ bytes: Span<UInt8>, _ line: Range<Int>) throws(HTTPRefusal) {
        if line.isEmpty {
            // Some clients send an empty line after a body; one is forgiven (RFC 9112, 2.2).
            guard !sawEmptyLine, kind == .request else { throw .malformed("The message begins with empty lines.") }
            sawEmptyLine = true
            return
        }
        guard line.count <= longestFirstLine else { throw HTTPRefusal(414, "The request line is too long.") }
        switch kind {
        case .request: try parseRequestLine(bytes, line)
        case .response: try parseStatusLine(bytes, line)
        }
        fields.reserveCapacity(16)
    }

    private mutating func parseRequestLine(_ bytes: Span<UInt8>, _ line: Range<Int>) throws(HTTPRefusal) {
        var place = line.lowerBound
        while place < line.upperBound, HTTPSyntax.isToken(bytes[place]) { place += 1 }
        let method = line.lowerBound..<place
        guard !method.isEmpty, place < line.upperBound, bytes[place] == HTTPSyntax.blank else {
            throw .malformed("The request line is not METHOD TARGET HTTP/1.1.")
        }
        place += 1
        let targetStart = place
        while place < line.upperBound, HTTPSyntax.isTarget(bytes[place]) { place += 1 }
        let target = targetStart..<place
        guard !target.isEmpty, place < line.upperBound, bytes[place] == HTTPSyntax.blank else {
            throw .malformed("The request's target has characters that a URL cannot have.")
        }
        try parseVersion(bytes, (place + 1)..<line.upperBound)
        startLine = .request(method: method, target: target)
    }

    private mutating func parseStatusLine(_ bytes: Span<UInt8>, _ line: Range<Int>) throws(HTTPRefusal) {
        // "HTTP/1.1 200" and, after a blank, whatever words.
        guard line.count >= 12, bytes[line.lowerBound + 8] == HTTPSyntax.blank else {
            throw .malformed("The status line is malformed.")
        }
        try parseVersion(bytes, line.lowerBound..<(line.lowerBound + 8))
        var status = 0
        for place in (line.lowerBound + 9)..<(line.lowerBound + 12) {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[place]) else {
                throw .malformed("The status is no number.")
            }
            status = status * 10 + Int(bytes[place] - UInt8(ascii: "0"))
        }
        guard (100...599).contains(status), line.count == 12 || bytes[line.lowerBound + 12] == HTTPSyntax.blank else {
            throw .malformed("The status is no number from 100 to 599.")
        }
        startLine = .response(status: status)
    }

    private mutating func parseVersion(_ bytes: Span<UInt8>, _ range: Range<Int>) throws(HTTPRefusal) {
        let name: StaticString = "HTTP/"
        let isHTTP = name.withUTF8Buffer { name in
            range.count == 8 && name.indices.allSatisfy { bytes[range.lowerBound + $0] == name[$0] }
        }
        guard isHTTP, bytes[range.lowerBound + 6] == UInt8(ascii: ".") else {
            throw .malformed("The version is not HTTP/1.1.")
        }
        switch (bytes[range.lowerBound + 5], bytes[range.lowerBound + 7]) {
        case (UInt8(ascii: "1"), UInt8(ascii: "0")): minorVersion = 0
        case (UInt8(ascii: "1"), UInt8(ascii: "1")): minorVersion = 1
        case (UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "0")...UInt8(ascii: "9")):
            throw HTTPRefusal(505, "Only HTTP/1.1 and HTTP/1.0 are spoken here.")
        default: throw .malformed("The version is not HTTP/1.1.")
        }
    }

    // MARK: Headers

    private mutating func parseField(_ bytes: Span<UInt8>, _ line: Range<Int>) throws(HTTPRefusal) {
        guard fields.count < mostFields else { throw HTTPRefusal(431, "There are too many headers.") }
        fields.append(try HTTPHeadParser.field(bytes, line))
    }

    /// `Name: value`, with blanks around the value and nowhere else.
    static func field(_ bytes: Span<UInt8>, _ line: Range<Int>) throws(HTTPRefusal) -> HTTPHeaders.Field {
        var place = line.lowerBound
        guard !HTTPSyntax.isBlank(bytes[place]) else { throw .malformed("A header is folded over two lines.") }
        while place < line.upperBound, HTTPSyntax.isToken(bytes[place]) { place += 1 }
        guard place > line.lowerBound, place < line.upperBound, bytes[place] == HTTPSyntax.colon else {
            throw .malformed("A header's name has characters that it cannot have.")
        }
        let name = line.lowerBound..<place
        var first = place + 1
        var last = line.upperBound
        while first < last, HTTPSyntax.isBlank(bytes[first]) { first += 1 }
        while last > first, HTTPSyntax.isBlank(bytes[last - 1]) { last -= 1 }
        guard isValue(bytes.extracting(first..<last)) else {
            throw .malformed("A header's value has control characters.")
        }
        return HTTPHeaders.Field(name: name, value: first..<last)
    }

    private static func isValue(_ bytes: Span<UInt8>) -> Bool {
        bytes.withUnsafeBufferPointer { bytes in
            PlainBytes.areNoControls(UnsafeRawBufferPointer(bytes)) || bytes.allSatisfy(HTTPSyntax.isValue)
        }
    }
}
