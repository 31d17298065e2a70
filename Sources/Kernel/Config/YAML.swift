package import Base

/// Reads one YAML document as a JSON value, strictly.
///
/// Plain words are read as YAML 1.2's core schema has it: `true`, `null`, `12` and `1.5` are what they look like, `yes`
/// and `0600` are text. A name that stands twice in a mapping is refused, and so is any tag that would make something
/// else than text of a value.
package enum YAML {
    package struct Limits: Sendable {
        /// Deeper than any configuration, policy or template, shallow enough for the smallest stack.
        package var depth = 64
        /// Anchors let a short document mean a long one; this is how long.
        package var values = 200_000
        package var bytes = 4 << 20

        package init() {}
    }

    package static func parse(_ text: String, limits: Limits = Limits()) throws(Failure) -> JSON {
        let bytes = Array(text.utf8)
        guard bytes.count <= limits.bytes else { throw Failure(.tooLarge, "The YAML document is too large.") }
        let result = bytes.withUnsafeBufferPointer { bytes -> Result<JSON, Failure> in
            var reader = YAMLReader(bytes, limits)
            do throws(Failure) { return .success(try reader.document()) } catch { return .failure(error) }
        }
        return try result.get()
    }
}

/// Builds a value of the parser's events.
private struct YAMLReader: ~Copyable {
    /// An anchored value, and how many values it stands for each time it is repeated.
    private struct Anchored {
        let value: JSON
        let count: Int
    }

    private let limits: YAML.Limits
    private var events: YAMLEvents
    private var anchors: [String: Anchored] = [:]
    private var count = 0

    init(_ bytes: UnsafeBufferPointer<UInt8>, _ limits: YAML.Limits) {
        self.limits = limits
        events = YAMLEvents(bytes)
    }

    mutating func document() throws(Failure) -> JSON {
        _ = try events.next()
        guard try events.next().kind == .documentStart else { return .null }
        let value = try value(try events.next(), depth: 0)
        _ = try events.next()
        let last = try events.next()
        guard last.kind == .streamEnd else { throw last.mark.refuse("there is a second document") }
        return value
    }

    private mutating func value(_ event: YAMLEvent, depth: Int) throws(Failure) -> JSON {
        guard depth < limits.depth else { throw event.mark.refuse("it is nested deeper than \(limits.depth)") }
        try add(1, event)
        let before = count
        let value: JSON
        switch event.kind {
        case .alias(let name): return try alias(name, event)
        case .scalar(let scalar): value = try scalar.value(event.mark)
        case .sequenceStart: value = try sequence(depth: depth)
        case .mappingStart: value = try mapping(depth: depth)
        default: throw event.mark.refuse("a value is expected")
        }
        if let anchor = event.anchor { anchors[anchor] = Anchored(value: value, count: count - before + 1) }
        return value
    }

    private mutating func add(_ more: Int, _ event: YAMLEvent) throws(Failure) {
        count += more
        guard count <= limits.values else { throw event.mark.refuse("it holds more than \(limits.values) values") }
    }

    private mutating func alias(_ name: String, _ event: YAMLEvent) throws(Failure) -> JSON {
        guard let anchored = anchors[name] else { throw event.mark.refuse("nothing before it is anchored as \(name)") }
        try add(anchored.count, event)
        return anchored.value
    }

    private mutating func sequence(depth: Int) throws(Failure) -> JSON {
        var values: [JSON] = []
        while true {
            let event = try events.next()
            if event.kind == .sequenceEnd { return .array(values) }
            values.append(try value(event, depth: depth + 1))
        }
    }

    private mutating func mapping(depth: Int) throws(Failure) -> JSON {
        var members: [JSON.Member] = []
        var names: Set<String> = []
        while true {
            let event = try events.next()
            if event.kind == .mappingEnd { return .object(JSON.Object(members)) }
            guard case .scalar(let scalar) = event.kind else { throw event.mark.refuse("a name is expected") }
            guard !(scalar.isPlain && scalar.text == "<<") else {
                throw event.mark.refuse("mappings cannot be merged (<<)")
            }
            guard names.insert(scalar.text).inserted else {
                throw event.mark.refuse("the name \"\(scalar.text)\" stands twice in one mapping")
            }
            members.append(JSON.Member(name: scalar.text, value: try value(try events.next(), depth: depth + 1)))
        }
    }
}
