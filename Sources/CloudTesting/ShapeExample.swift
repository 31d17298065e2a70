package import API
package import Base

extension Shape {
    /// The least that a body may be.
    package var example: JSON {
        switch self {
        case .any: .null
        case .text(let length, let format): .string(Shape.text(length, format))
        case .choice(let choices): .string(choices[0])
        case .boolean, .looseBoolean: true
        case .integer(let range), .looseInteger(let range): .integer(range.lowerBound)
        case .number, .limitedNumber: 1
        case .nullable(let shape): shape.example
        case .list(let shape, let count, _): .array((0..<count.lowerBound).map { _ in shape.example })
        case .object(let fields): .object(fields.example)
        case .map, .keyed: [:]
        case .either(let shapes): shapes[0].example
        }
    }

    private static func text(_ length: ClosedRange<Int>, _ format: Format?) -> String {
        switch format {
        case .uuid: "11111111-2222-4333-8444-555555555555"
        case .hex, .uuidOrHex: "11111111222243338444555555555555"
        case .dateTime: "2026-10-01T00:00:00Z"
        case .email: "somebody@example.com"
        case .url: "http://example.com/"
        case .ipAddress: "192.0.2.1"
        case .cidr: "192.0.2.0/24"
        case .macAddress: "02:00:00:00:00:01"
        case .constant: "VCPU"
        case .customConstant: "CUSTOM_THING"
        case .count: "1"
        case .name, .tag, .suffix, nil: String(repeating: "x", count: max(length.lowerBound, 1))
        }
    }
}

extension Fields {
    package var example: JSON.Object {
        JSON.Object(fields.filter(\.isRequired).map { JSON.Member(name: $0.name, value: $0.shape.example) })
    }
}
