import API
import Base
import Contracts
import HTTP

/// `required=A,!B` and `required=in:A,B`: traits to have and not to have.
struct TraitQuery: Sendable {
    /// Of each set one.
    private(set) var required: [Set<String>] = []
    private(set) var forbidden: Set<String> = []

    var named: Set<String> { required.reduce(forbidden) { $0.union($1) } }

    init(_ call: Call<Placement>, suffix: String = "") throws(Failure) {
        let values = call.query.all("required" + suffix)
        let mayChoose = call.version >= "1.39"
        for value in mayChoose ? values : values.suffix(1) {
            try read(value, mayForbid: call.version >= "1.22", mayChoose: mayChoose)
        }
    }

    /// `root_required`, which knows no choice.
    init(root value: String) throws(Failure) { try read(value, mayForbid: true, mayChoose: false) }

    private mutating func read(_ value: String, mayForbid: Bool, mayChoose: Bool) throws(Failure) {
        if value.hasPrefix("in:") { return try readChoice(value, mayChoose) }
        let names = value.split(separator: ",", omittingEmptySubsequences: false).map { $0.withoutBlanks }
        let form = mayForbid ? "HW_CPU_X86_VMX,!CUSTOM_MAGIC" : "HW_CPU_X86_VMX,CUSTOM_MAGIC"
        for name in names {
            let isForbidden = name.hasPrefix("!")
            let trait = isForbidden ? String(name.drop { $0 == "!" }) : name
            guard !trait.isEmpty else {
                throw .query(
                    "Expected 'required' parameter value of the form: \(form). Got an empty trait in: \(value)")
            }
            guard mayForbid || !isForbidden else {
                throw .query("Expected 'required' parameter value of the form: \(form). Got: \(value)")
            }
            if isForbidden { forbidden.insert(trait) } else { required.append([trait]) }
        }
    }

    private mutating func readChoice(_ value: String, _ mayChoose: Bool) throws(Failure) {
        let form = "The format 'in:HW_CPU_X86_VMX,CUSTOM_MAGIC'"
        guard mayChoose else { throw .query("\(form) only supported since microversion 1.39. Got: \(value)") }
        let names = value.dropFirst(3).split(separator: ",", omittingEmptySubsequences: false).map { $0.withoutBlanks }
        guard !names.contains("") else {
            throw .query(
                "Expected 'required' parameter value of the form: in:HW_CPU_X86_VMX,CUSTOM_MAGIC. "
                    + "Got an empty trait in: \(value)")
        }
        guard !names.contains(where: { $0.hasPrefix("!") }) else {
            throw .query("\(form) does not support forbidden traits. Got: \(value)")
        }
        required.append(Set(names))
    }
}

/// `member_of=A`, `in:A,B`, `!A` and `!in:A,B`: aggregates to be in and not to be in.
struct AggregateQuery: Sendable {
    /// Of each set one.
    private(set) var required: [Set<String>] = []
    private(set) var forbidden: Set<String> = []

    init(_ call: Call<Placement>, suffix: String = "") throws(Failure) {
        let values = call.query.all("member_of" + suffix)
        guard values.count <= 1 || call.version >= "1.24" else {
            throw .invalid("Multiple member_of\(suffix) parameters are not supported")
        }
        for value in values {
            let isForbidden = value.hasPrefix("!")
            let aggregates = try AggregateQuery.read(value, isForbidden)
            guard isForbidden else {
                required.append(aggregates)
                continue
            }
            guard call.version >= "1.32" else {
                throw .invalid(
                    "Forbidden member_of\(suffix) parameters are not supported in the specified microversion")
            }
            forbidden.formUnion(aggregates)
        }
    }

    private static func read(_ value: String, _ isForbidden: Bool) throws(Failure) -> Set<String> {
        let rest = isForbidden ? value.dropFirst() : Substring(value)
        let isList = rest.hasPrefix("in:")
        guard isList || !value.contains(",") else {
            throw .invalid(
                "Multiple values for 'member_of' must be prefixed with the 'in:' or '!in:' keyword using the valid "
                    + "microversion. Got: \(value)")
        }
        let ids = isList ? rest.dropFirst(3).split(separator: ",", omittingEmptySubsequences: false) : [rest]
        for id in ids where UUID(String(id)) == nil {
            throw .query("Expected 'member_of' parameter to contain valid UUID(s). Got: \(id)")
        }
        return Set(ids.map(String.init))
    }
}

extension Resources {
    /// `VCPU:2,MEMORY_MB:1024`
    init(query text: String) throws(Failure) {
        self.init()
        let form =
            "Badly formed resources parameter. Expected resources query string parameter in form: "
            + "?resources=VCPU:2,MEMORY_MB:1024. Got:"
        guard !text.withoutBlanks.isEmpty else { throw .invalid("\(form) empty string.") }
        for pair in text.split(separator: ",", omittingEmptySubsequences: false) {
            let parts = pair.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count == 2 else { throw .invalid("\(form) \(pair).") }
            guard let amount = Int(parts[1].withoutBlanks), amount <= InventoryDescription.most else {
                throw .invalid(
                    "Requested resource \(parts[0]) expected positive integer amount. Got: \(parts[1]).")
            }
            guard amount >= 1 else {
                throw .invalid("Requested resource \(parts[0]) requires amount >= 1. Got: \(amount).")
            }
            self[String(parts[0])] = amount
        }
    }
}

extension Failure {
    static func query(_ message: String) -> Failure { .invalid("Invalid query string parameters: \(message)") }
}

extension StringProtocol {
    var withoutBlanks: String {
        let (bytes, blank) = (Substring(self).utf8, UInt8(ascii: " "))
        guard let first = bytes.firstIndex(where: { $0 != blank }), let last = bytes.lastIndex(where: { $0 != blank })
        else { return "" }
        return String(self[first...last])
    }
}
