import API
import Base
import HTTP
import Policy
import SQL

/// A kind of rule in a policy: its name, and what it says.
struct QoSRuleKind: Sendable {
    let name: String
    let resource: Resource
    /// What a driver needs to know of it: each parameter with what it may be.
    let parameters: [(name: String, values: JSON)]

    static let all: [QoSRuleKind] = [bandwidthLimit, dscpMarking, minimumBandwidth, packetRateLimit, minimumPacketRate]

    private static let most: ClosedRange<Int64> = 0...2_147_483_647
    private static let marks: [Int64] = [
        0, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32, 34, 36, 38, 40, 44, 46, 48, 56,
    ]
    private static let twoWays = ["egress", "ingress"]

    static let bandwidthLimit = QoSRuleKind(
        "bandwidth_limit",
        [
            amount("max_kbps", required: true), amount("max_burst_kbps", required: false),
            direction(twoWays),
        ], conflict: { _, _ in false })
    static let dscpMarking = QoSRuleKind(
        "dscp_marking",
        [Attribute("dscp_mark", .integer, set: .always, .looseInteger(0...56), or: .required, as: mark)],
        conflict: { _, _ in true })
    static let minimumBandwidth = QoSRuleKind(
        "minimum_bandwidth", [amount("min_kbps", required: true), direction(twoWays)], conflict: { _, _ in false })
    static let packetRateLimit = QoSRuleKind(
        "packet_rate_limit",
        [amount("max_kpps", required: true), amount("max_burst_kpps", required: false), direction(twoWays)],
        conflict: { _, _ in false })
    static let minimumPacketRate = QoSRuleKind(
        "minimum_packet_rate", [amount("min_kpps", required: true), direction(twoWays + ["any"])],
        // "Any" is both, so it goes with neither.
        conflict: { $0 == "any" || $1 == "any" })

    private static func amount(_ name: StaticString, required: Bool) -> Attribute {
        Attribute(name, .integer, set: .always, .looseInteger(most), or: required ? .required : .value(0))
    }

    private static func direction(_ ways: [String]) -> Attribute {
        Attribute("direction", .text, set: .always, .choice(ways), or: .value("egress"))
    }

    private static let mark: Attribute.Normal = { value throws(Failure) in
        guard let number = value.looseInteger, marks.contains(number) else {
            throw .invalid("Invalid input for dscp_mark. Reason: '\(value.plain)' is no mark that means something.")
        }
        return .integer(number)
    }

    private init(
        _ name: StaticString, _ attributes: [Attribute], conflict: @escaping @Sendable (String, String) -> Bool
    ) {
        let word = name.description
        self.name = word
        let check: @Sendable (Document, Desk) throws(Failure) -> Void = { rule, desk throws(Failure) in
            let policy = rule.text("qos_policy_id") ?? ""
            let others: SQL = "qos_policy_id = \(policy) AND kind = \(word) AND id <> \(rule.id)"
            let own = rule.text("direction") ?? ""
            let taken = try desk.tx.rows("SELECT id, direction FROM network_qos_rule WHERE \(others)") {
                (try $0.text("id"), try $0.optionalText("direction") ?? "")
            }
            guard let other = taken.first(where: { $0.1 == own || conflict($0.1, own) }) else { return }
            throw .clash(
                "QoSRulesConflict",
                "Rule \(word) conflicts with rule \(other.0) which already exists in QoS Policy \(policy).")
        }
        let fields =
            [
                Attribute.id, Attribute("qos_policy_id", .text, isVisible: false),
                Attribute("kind", .text, isVisible: false),
            ] + attributes
        // What is written is the same for all of them; only what may be said differs.
        let plain = Resource(word, word, table: "network_qos_rule", missing: { _ in .bug(word) }, attributes: fields)
        resource = Resource(
            word + "_rule", word + "_rules", table: "network_qos_rule",
            parent: Resource.Parent(
                resource: .qosPolicy, key: "qos_policy_id", column: "qos_policy_id", prefix: "ext_parent", lends: []),
            missing: { .missing("QosRuleNotFound", "QoS rule \($0) could not be found.") },
            attributes: fields,
            create: { draft, desk throws(Failure) in
                try check(draft, desk)
                try desk.insert(plain, draft)
            },
            update: { changes, before, desk throws(Failure) in
                try check(before.merging(changes), desk)
                try desk.change(plain, before.id, changes)
            })
        parameters = attributes.map { attribute in
            (name: attribute.name, values: QoSRuleKind.values(of: attribute))
        }
    }

    private static func values(of attribute: Attribute) -> JSON {
        if attribute.name == "dscp_mark" { return ["type": "choices", "values": .array(marks.map { .integer($0) })] }
        if case .choice(let words) = attribute.shape { return ["type": "choices", "values": JSON(words)] }
        return ["type": "range", "values": ["start": .integer(most.lowerBound), "end": .integer(most.upperBound)]]
    }

    static let endpoints: [Endpoint<Network>] =
        all.flatMap { kind in
            Nested(
                resource: kind.resource, path: "/qos/policies/{policy_id}/\(kind.name)_rules", variable: "policy_id",
                subject: "policy_\(kind.name)_rule", kind: (column: "kind", value: kind.name)
            ).endpoints
        } + [
            Endpoint(
                "GET", "/qos/rule-types", "List the kinds of rules that policies may have",
                access: .decided(by: Rule.named("get_rule_type"))
            ) { call in
                if let rule = Rule.network["get_rule_type"] { try call.require(rule) }
                return .json { json in
                    json.array("rule_types", of: all) { kind, json in json.object { $0.put("type", kind.name) } }
                }
            },
            Endpoint(
                "GET", "/qos/rule-types/{type}", "Show what a kind of rule needs of drivers",
                access: .decided(by: Rule.named("get_rule_type"))
            ) { call in
                try call.require(.contextIsAdmin)
                guard let kind = all.first(where: { $0.name == call["type"] }) else {
                    throw Failure.missing("QosRuleTypeNotFound", "QoS rule type \(call["type"]) could not be found.")
                }
                return .json { json in
                    json.object("rule_type") {
                        $0.put("type", kind.name)
                        $0.array("drivers", of: call.service.settings.drivers) { driver, json in
                            json.object {
                                $0.put("name", driver.name)
                                $0.array("supported_parameters", of: kind.parameters) { parameter, json in
                                    json.object {
                                        $0.put("parameter_name", parameter.name)
                                        $0.put("parameter_type", parameter.values["type"] ?? .null)
                                        $0.put("parameter_values", parameter.values["values"] ?? .null)
                                    }
                                }
                            }
                        }
                    }
                }
            },
        ]
}
