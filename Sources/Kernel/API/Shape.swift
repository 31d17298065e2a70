import Base

/// What a value in a request's body may look like: checked before a handler sees it, and written into the OpenAPI.
package indirect enum Shape: Sendable {
    case any
    case text(ClosedRange<Int>, format: Format? = nil)
    case choice([String])
    case boolean
    /// Also "true", "False", "1": where the service's clients have always been allowed to.
    case looseBoolean
    case integer(ClosedRange<Int64>)
    /// Also written as a string.
    case looseInteger(ClosedRange<Int64>)
    case number
    /// A number that isn't above this.
    case limitedNumber(Double)
    case nullable(Shape)
    case list(of: Shape, count: ClosedRange<Int> = 0...1_000, unique: Bool = false)
    case object(Fields)
    /// Names that a user chooses, all with values of one shape.
    case map(name: ClosedRange<Int>, value: Shape, count: ClosedRange<Int> = 0...1_000)
    /// Members that are all named by one kind of name: objects keyed by UUID, by resource class.
    case keyed(by: Format, Shape, count: ClosedRange<Int> = 0...1_000)
    case either([Shape])

    package enum Format: String, Sendable {
        case uuid, hex, uuidOrHex, dateTime, email, url, ipAddress, cidr, macAddress
        /// Printable, not only blanks.
        case name
        /// Without what separates tags in lists and paths.
        case tag
        /// Capital letters, digits and underscores, as placement names classes, traits and types.
        case constant
        /// The same, of the user's own making.
        case customConstant
        /// What may stand behind the name of a group of a request.
        case suffix
        /// A number above zero, as text.
        case count
    }

    /// Any text that a column of text can hold.
    package static let text: Shape = .text(0...65_535)
    package static let name: Shape = .text(1...255, format: .name)
    package static let uuid: Shape = .text(32...36, format: .uuid)
    package static let description: Shape = .nullable(.text)
}

/// The members of an object.
package struct Fields: Sendable {
    package let fields: [Field]
    package let others: Others

    package enum Others: Sendable {
        /// A name that isn't listed is an error that says it.
        case refused
        /// What isn't listed is passed on as it is.
        case allowed
    }

    package init(_ fields: [Field], others: Others = .refused) {
        self.fields = fields
        self.others = others
    }
}

package struct Field: Sendable {
    package let name: String
    package let shape: Shape
    package let isRequired: Bool
    package let since: Microversion?
    package let until: Microversion?

    package static func required(
        _ name: String, _ shape: Shape, since: Microversion? = nil, until: Microversion? = nil
    ) -> Field {
        Field(name: name, shape: shape, isRequired: true, since: since, until: until)
    }

    package static func optional(
        _ name: String, _ shape: Shape, since: Microversion? = nil, until: Microversion? = nil
    ) -> Field {
        Field(name: name, shape: shape, isRequired: false, since: since, until: until)
    }

    func exists(at version: Microversion) -> Bool {
        if let since, version < since { return false }
        if let until, version > until { return false }
        return true
    }
}

extension Shape {
    /// A body as OpenStack's mostly are: one member, named for the resource, with the fields inside.
    package static func wrapped(_ name: String, _ fields: [Field], others: Fields.Others = .refused) -> Shape {
        .object(Fields([.required(name, .object(Fields(fields, others: others)))], others: others))
    }
}

extension Field {
    /// The same field where it need not be said, as in an update.
    package var asOptional: Field { Field(name: name, shape: shape, isRequired: false, since: since, until: until) }
}
