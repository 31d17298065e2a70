/// A JSON value, with the members of objects in the order they were written.
package enum JSON: Sendable, Hashable {
    case null
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case string(String)
    case array([JSON])
    case object(Object)

    /// The members of an object. Objects on the wire are small, so looking one up is a walk.
    package struct Object: Sendable, Hashable {
        package var members: [Member]

        package init(_ members: [Member] = []) { self.members = members }

        package subscript(name: String) -> JSON? {
            get { place(of: name).map { members[$0].value } }
            set {
                switch (place(of: name), newValue) {
                case (let place?, let value?): members[place].value = value
                case (let place?, nil): members.remove(at: place)
                case (nil, let value?): members.append(Member(name: name, value: value))
                case (nil, nil): break
                }
            }
        }

        /// Names are mostly of different lengths, which is seen sooner than that their letters differ.
        private func place(of name: String) -> Int? {
            let length = name.utf8.count
            for place in members.indices where members[place].name.utf8.count == length && members[place].name == name {
                return place
            }
            return nil
        }

        package var names: [String] { members.map(\.name) }

        /// Order is no part of what an object says.
        package static func == (left: Object, right: Object) -> Bool {
            left.members.count == right.members.count && left.members.allSatisfy { right[$0.name] == $0.value }
        }

        package func hash(into hasher: inout Hasher) { hasher.combine(Set(members)) }
    }

    package struct Member: Sendable, Hashable {
        package var name: String
        package var value: JSON

        package init(name: String, value: JSON) {
            self.name = name
            self.value = value
        }
    }
}

extension JSON {
    package var string: String? { if case .string(let value) = self { value } else { nil } }
    package var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    package var integer: Int64? { if case .integer(let value) = self { value } else { nil } }
    package var array: [JSON]? { if case .array(let value) = self { value } else { nil } }
    package var object: Object? { if case .object(let value) = self { value } else { nil } }
    package var isNull: Bool { self == .null }

    package subscript(name: String) -> JSON? { object?[name] }

    /// What it is, in the words an error uses.
    package var kind: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .integer: "an integer"
        case .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }

    package var text: String {
        var writer = JSONWriter()
        writer.value(self)
        return writer.finishText()
    }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByFloatLiteral, ExpressibleByNilLiteral
{
    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int64) { self = .integer(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(floatLiteral value: Double) { self = .number(value) }
    package init(nilLiteral: ()) { self = .null }
    package init(arrayLiteral elements: JSON...) { self = .array(elements) }
    package init(dictionaryLiteral elements: (String, JSON)...) {
        self = .object(Object(elements.map { Member(name: $0, value: $1) }))
    }
}
