package import Base
package import HTTP

/// What stands behind the question mark, read as a service's parameters.
package typealias Parameters = HTTPQuery

extension HTTPQuery {
    package func has(_ name: String) -> Bool { items.contains { $0.name == name } }

    package func integer(_ name: String) throws(Failure) -> Int? {
        guard let text = self[name] else { return nil }
        guard let value = Int(text) else { throw .field(name, "must be an integer, not '\(text)'") }
        return value
    }

    /// A flag: named without a value, it is true.
    package func boolean(_ name: String) throws(Failure) -> Bool? {
        guard let text = self[name] else { return nil }
        if text.isEmpty { return true }
        guard let value = Bool(loose: text) else { throw .field(name, "must be true or false, not '\(text)'") }
        return value
    }
}

/// A parameter that an endpoint knows.
package struct Parameter: Sendable {
    package let name: String
    package let shape: Shape
    package let since: Microversion?

    package init(_ name: String, _ shape: Shape = .text, since: Microversion? = nil) {
        self.name = name
        self.shape = shape
        self.since = since
    }
}
