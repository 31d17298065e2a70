package import Base

/// Spans on their way to another process.
extension Span: JSONCoded {
    package init(_ json: JSON) throws(Failure) {
        let hasParent = json["parent"]?.string != nil
        self.init(
            trace: try json.mark("trace"), id: try json.mark("id"), parent: hasParent ? try json.mark("parent") : nil,
            name: try json.text("name"), kind: Kind(rawValue: try json.text("kind")) ?? .call,
            actor: try json.text("actor"), start: Moment(microseconds: Int64(try json.number("start"))),
            duration: .microseconds(try json.number("duration")), failure: json["failure"]?.string)
    }

    package var json: JSON {
        [
            "trace": .string(String(trace, radix: 16)), "id": .string(String(id, radix: 16)),
            "parent": JSON(parent.map { String($0, radix: 16) }), "name": .string(name), "kind": .string(kind.rawValue),
            "actor": .string(actor), "start": .integer(start.microseconds), "duration": .integer(duration.microseconds),
            "failure": JSON(failure),
        ]
    }
}

extension JSON {
    fileprivate func mark(_ name: String) throws(Failure) -> UInt64 {
        guard let mark = UInt64(try text(name), radix: 16) else { throw .bug("A span has no \(name).") }
        return mark
    }
}
