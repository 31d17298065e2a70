import Base

/// The protocols that rules may name, and what their port fields mean.
enum IPProtocol {
    private static let numbers: [String: Int] = [
        "ah": 51, "dccp": 33, "egp": 8, "esp": 50, "gre": 47, "icmp": 1, "icmpv6": 58, "igmp": 2, "ipip": 4,
        "ipv6-encap": 41, "ipv6-frag": 44, "ipv6-icmp": 58, "ipv6-nonxt": 59, "ipv6-opts": 60, "ipv6-route": 43,
        "ospf": 89, "pgm": 113, "rsvp": 46, "sctp": 132, "tcp": 6, "udp": 17, "udplite": 136, "vrrp": 112,
    ]
    private static let withPorts: Set<Int> = [6, 17, 33, 132, 136]
    /// Also by their numbers.
    private static let sixOnly: Set<Int> = [41, 43, 44, 58, 59, 60]

    /// A name, a number as text, or null for all of them.
    static let normal: Attribute.Normal = { value throws(Failure) in
        switch value {
        case .null, "any", "": return .null
        case .integer(let number) where (0...255).contains(number): return number == 0 ? .null : .string(String(number))
        case .string(let text):
            if let number = Int(text), (0...255).contains(number) { return number == 0 ? .null : value }
            if numbers[text.lowercased()] != nil { return .string(text.lowercased()) }
        default: break
        }
        throw .wrong(
            "SecurityGroupRuleInvalidProtocol",
            "Security group rule protocol \(value.plain) not supported. Only protocol values \(numbers.keys.sorted()) and integer representations [0 to 255] are supported."
        )
    }

    private static func number(_ name: String) -> Int { numbers[name] ?? Int(name) ?? 0 }

    /// Whether protocol, ports and ethertype go together.
    static func check(_ rule: Document) throws(Failure) {
        let low = rule.integer("port_range_min")
        let high = rule.integer("port_range_max")
        guard let name = rule.text("protocol") else {
            guard low == nil, high == nil else {
                throw .input("Must also specify protocol if port range is given")
            }
            return
        }
        let number = number(name)
        guard !sixOnly.contains(number) || rule.text("ethertype") == "IPv6" else {
            throw .input("Invalid ethertype \(rule.text("ethertype") ?? "") for protocol \(name)")
        }
        if number == 1 || number == 58 { return try checkControl(low, high) }
        guard low != nil || high != nil else { return }
        guard withPorts.contains(number) else {
            throw .input("Ports cannot be specified for protocol \(name)")
        }
        guard let low, let high, (1...65_535).contains(low), (1...65_535).contains(high), low <= high else {
            throw .input("For TCP/UDP protocols, port_range_min must be <= port_range_max")
        }
    }

    /// Control messages have a type and a code where the others have ports.
    private static func checkControl(_ type: Int?, _ code: Int?) throws(Failure) {
        if let type, !(0...255).contains(type) {
            throw .input("Invalid value for ICMP type (port_range_min) \(type). It must be 0 to 255")
        }
        if let code, !(0...255).contains(code) {
            throw .input("Invalid value for ICMP code (port_range_max) \(code). It must be 0 to 255")
        }
        guard type != nil || code == nil else {
            throw .input(
                "ICMP code (port-range-max) \(code ?? 0) is provided but ICMP type (port-range-min) is missing")
        }
    }
}
