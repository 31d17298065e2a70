/// What can be written as JSON and read back: messages, and what a workflow knows between its steps.
package protocol JSONCoded: Sendable {
    init(_ json: JSON) throws(Failure)
    var json: JSON { get }
}

/// Nothing to say.
package struct Nothing: JSONCoded {
    package init() {}
    package init(_ json: JSON) throws(Failure) {}
    package var json: JSON { [:] }
}

extension JSON: JSONCoded {
    package init(_ json: JSON) throws(Failure) { self = json }
    package var json: JSON { self }
}

extension JSON {
    /// A member that has to be there: what is written by ourselves and reads otherwise is a bug.
    package func member(_ name: String) throws(Failure) -> JSON {
        guard let value = self[name] else { throw .bug("There is no \(name) in a stored document.") }
        return value
    }

    package func text(_ name: String) throws(Failure) -> String {
        guard let value = self[name]?.string else { throw .bug("There is no text \(name) in a stored document.") }
        return value
    }

    package func number(_ name: String) throws(Failure) -> Int {
        guard let value = self[name]?.integer else { throw .bug("There is no number \(name) in a stored document.") }
        return Int(value)
    }

    package func flag(_ name: String) throws(Failure) -> Bool {
        guard let value = self[name]?.bool else { throw .bug("There is no flag \(name) in a stored document.") }
        return value
    }

    package func list<Value>(_ name: String, of make: (JSON) throws(Failure) -> Value) throws(Failure) -> [Value] {
        var values: [Value] = []
        for element in self[name]?.array ?? [] { values.append(try make(element)) }
        return values
    }

    package init(_ text: String?) { self = text.map { .string($0) } ?? .null }
    package init(_ number: Int) { self = .integer(Int64(number)) }
    package init(_ number: Int?) { self = number.map { .integer(Int64($0)) } ?? .null }
    package init<Thing>(_ id: ID<Thing>?) { self.init(id?.text) }
    package init(_ moment: Moment?) { self = moment.map { .integer($0.microseconds) } ?? .null }
    package init(_ texts: [String]) { self = .array(texts.map { .string($0) }) }
    package init(list values: some Sequence<some JSONCoded>) { self = .array(values.map { $0.json }) }
}
