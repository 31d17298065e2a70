import Base
import CYAML

/// Where something stands in a document, counted as editors do.
struct YAMLMark {
    let line: Int
    let column: Int

    init(_ mark: yaml_mark_t) {
        line = Int(mark.line) + 1
        column = Int(mark.column) + 1
    }

    func refuse(_ reason: String) -> Failure {
        .invalid("Malformed YAML at line \(line), column \(column): \(reason).")
    }
}

/// What the parser comes upon next.
struct YAMLEvent {
    enum Kind: Equatable {
        case streamStart, streamEnd, documentStart, documentEnd
        case alias(String)
        case scalar(YAMLScalar)
        case sequenceStart, sequenceEnd, mappingStart, mappingEnd
    }

    let kind: Kind
    let anchor: String?
    let mark: YAMLMark
}

/// A word or a text, as it is written; what it means is `value`.
struct YAMLScalar: Equatable {
    let text: String
    /// Not quoted, and so open to be a number or a boolean.
    let isPlain: Bool
    let tag: String?

    func value(_ mark: YAMLMark) throws(Failure) -> JSON {
        switch tag {
        case nil: return isPlain ? plain : .string(text)
        case "!", "tag:yaml.org,2002:str": return .string(text)
        case let tag?: throw mark.refuse("the tag \(tag) is not read here")
        }
    }

    private var plain: JSON {
        switch text {
        case "", "~", "null", "Null", "NULL": .null
        case "true", "True", "TRUE": .bool(true)
        case "false", "False", "FALSE": .bool(false)
        default: number ?? .string(text)
        }
    }

    /// Whole numbers also in hex (`0x`) and octal (`0o`). One with zeros in front is text: it is a mode or a code.
    private var number: JSON? {
        guard let first = text.utf8.first, first < UInt8(ascii: ":") else { return nil }
        if text.hasPrefix("0x") { return Int64(text.dropFirst(2), radix: 16).map { .integer($0) } }
        if text.hasPrefix("0o") { return Int64(text.dropFirst(2), radix: 8).map { .integer($0) } }
        let digits = text.utf8.drop { $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "+") }
        guard let lead = digits.first, text.utf8.count - digits.count < 2 else { return nil }
        let second = digits.dropFirst().first
        if lead == UInt8(ascii: "0"), let second, isDigit(second) { return nil }
        guard isDigit(lead) || (lead == UInt8(ascii: ".") && second.map(isDigit) == true) else { return nil }
        if let whole = Int64(text) { return .integer(whole) }
        let isNumeric = digits.allSatisfy { isDigit($0) || ".eE+-".utf8.contains($0) }
        guard isNumeric, let value = Double(text), value.isFinite else { return nil }
        return .number(value)
    }

    private func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }
}

/// The events of one document, from libyaml. The bytes must outlive it.
struct YAMLEvents: ~Copyable {
    /// Behind a pointer, since libyaml keeps addresses within it.
    private let parser: UnsafeMutablePointer<yaml_parser_t>

    init(_ bytes: UnsafeBufferPointer<UInt8>) {
        parser = .allocate(capacity: 1)
        guard yaml_parser_initialize(parser) == 1 else { fatalError("libyaml found no memory") }
        yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        yaml_parser_set_input_string(parser, bytes.baseAddress, bytes.count)
    }

    deinit {
        yaml_parser_delete(parser)
        parser.deallocate()
    }

    mutating func next() throws(Failure) -> YAMLEvent {
        var event = yaml_event_t()
        guard yaml_parser_parse(parser, &event) == 1 else { throw problem }
        defer { yaml_event_delete(&event) }
        let mark = YAMLMark(event.start_mark)
        switch event.type {
        case YAML_STREAM_START_EVENT: return YAMLEvent(kind: .streamStart, anchor: nil, mark: mark)
        case YAML_DOCUMENT_START_EVENT: return YAMLEvent(kind: .documentStart, anchor: nil, mark: mark)
        case YAML_DOCUMENT_END_EVENT: return YAMLEvent(kind: .documentEnd, anchor: nil, mark: mark)
        case YAML_ALIAS_EVENT:
            return YAMLEvent(kind: .alias(Self.text(event.data.alias.anchor) ?? ""), anchor: nil, mark: mark)
        case YAML_SCALAR_EVENT: return Self.scalar(event, mark)
        case YAML_SEQUENCE_START_EVENT:
            let start = event.data.sequence_start
            try Self.refuse(start.tag, but: "tag:yaml.org,2002:seq", mark)
            return YAMLEvent(kind: .sequenceStart, anchor: Self.text(start.anchor), mark: mark)
        case YAML_SEQUENCE_END_EVENT: return YAMLEvent(kind: .sequenceEnd, anchor: nil, mark: mark)
        case YAML_MAPPING_START_EVENT:
            let start = event.data.mapping_start
            try Self.refuse(start.tag, but: "tag:yaml.org,2002:map", mark)
            return YAMLEvent(kind: .mappingStart, anchor: Self.text(start.anchor), mark: mark)
        case YAML_MAPPING_END_EVENT: return YAMLEvent(kind: .mappingEnd, anchor: nil, mark: mark)
        default: return YAMLEvent(kind: .streamEnd, anchor: nil, mark: mark)
        }
    }

    private static func scalar(_ event: yaml_event_t, _ mark: YAMLMark) -> YAMLEvent {
        let data = event.data.scalar
        let bytes = UnsafeBufferPointer(start: data.value, count: data.length)
        let scalar = YAMLScalar(
            text: String(decoding: bytes, as: UTF8.self), isPlain: data.style == YAML_PLAIN_SCALAR_STYLE,
            tag: text(data.tag))
        return YAMLEvent(kind: .scalar(scalar), anchor: text(data.anchor), mark: mark)
    }

    private static func refuse(
        _ tag: UnsafeMutablePointer<yaml_char_t>?, but allowed: String, _ mark: YAMLMark
    ) throws(Failure) {
        guard let tag = text(tag), tag != allowed else { return }
        throw mark.refuse("the tag \(tag) is not read here")
    }

    private static func text(_ pointer: UnsafeMutablePointer<yaml_char_t>?) -> String? {
        pointer.map { String(cString: $0) }
    }

    private var problem: Failure {
        let problem = parser.pointee.problem.map { String(cString: $0) } ?? "it cannot be read"
        let context = parser.pointee.context.map { " " + String(cString: $0) } ?? ""
        return YAMLMark(parser.pointee.problem_mark).refuse(problem + context)
    }
}
