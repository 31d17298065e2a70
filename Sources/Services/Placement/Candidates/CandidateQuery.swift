import API
import Base
import Contracts
import HTTP

/// What a query of `GET /allocation_candidates` asks for.
extension CandidateRequest {
    init(_ call: Call<Placement>) throws(Failure) {
        try call.admitCandidateQuery()
        self.init(isNestedAware: call.version >= "1.29")
        limit = call.query["limit"].flatMap { Int($0) }
        isIsolated = call.query["group_policy"] == "isolate"
        try readRoot(call.query.all("root_required"))
        try readSubtrees(call.query.all("same_subtree"))
        for key in call.query.items.map(\.name) {
            guard let (_, suffix) = CandidateRequest.split(key, call.version), groups[suffix] == nil else { continue }
            groups[suffix] = try Group(call, suffix)
        }
        try requireWholeGroups(call)
        guard call.query.has("group_policy") || groups.keys.filter({ !$0.isEmpty }).count <= 1 else {
            throw .invalid(
                "The \"group_policy\" parameter is required when specifying more than one \"resources{N}\" parameter.")
        }
    }

    /// The parameters that a group is described by.
    private static let parts: [(name: String, since: Microversion)] = [
        (name: "resources", since: "1.10"), (name: "required", since: "1.17"), (name: "member_of", since: "1.21"),
        (name: "in_tree", since: "1.31"),
    ]

    /// `resources_COMPUTE` as `resources` and `_COMPUTE`; nil for what belongs to no group.
    static func split(_ key: String, _ version: Microversion) -> (part: String, suffix: String)? {
        for part in parts where version >= part.since && key.hasPrefix(part.name) {
            let suffix = String(key.dropFirst(part.name.count))
            if suffix.isEmpty || isSuffix(suffix, version) { return (part.name, suffix) }
        }
        return nil
    }

    private static func isSuffix(_ text: String, _ version: Microversion) -> Bool {
        if version >= "1.33" { return Shape.Format.suffix.fits(text) }
        guard version >= "1.25", text.first != "0" else { return false }
        return text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }

    private mutating func readRoot(_ values: [String]) throws(Failure) {
        guard let value = values.first else { return }
        guard values.count == 1 else {
            throw .invalid("Query parameter 'root_required' may be specified only once.", .duplicateParameter)
        }
        let traits = try TraitQuery(root: value)
        rootRequired = traits.required.reduce(into: []) { $0.formUnion($1) }
        rootForbidden = traits.forbidden
        let both = rootRequired.intersection(rootForbidden)
        guard both.isEmpty else {
            throw .invalid(
                "Conflicting required and forbidden traits found in root_required: "
                    + both.sorted().joined(separator: ", "), .badParameter)
        }
    }

    private mutating func readSubtrees(_ values: [String]) throws(Failure) {
        for value in values {
            let suffixes = value.split(separator: ",", omittingEmptySubsequences: false).map(\.withoutBlanks)
            guard !suffixes.contains("") else {
                throw .invalid(
                    "Empty string (unsuffixed group) can not be specified in `same_subtree` ", .badParameter)
            }
            sameSubtrees.append(Set(suffixes))
        }
    }
}

extension CandidateRequest.Group {
    fileprivate init(_ call: Call<Placement>, _ suffix: String) throws(Failure) {
        self.init()
        if let text = call.last("resources" + suffix) { resources = try Resources(query: text) }
        let traits = try TraitQuery(call, suffix: suffix)
        required = traits.required
        forbidden = traits.forbidden
        let aggregates = try AggregateQuery(call, suffix: suffix)
        memberOf = aggregates.required
        notMemberOf = aggregates.forbidden
        guard let tree = call.last("in_tree" + suffix)?.withoutBlanks else { return }
        guard let id = UUID(tree) else {
            throw .query("Expected 'in_tree' parameter to be a format of uuid. Got: \(tree)")
        }
        inTree = ID(id.dashed)
    }
}

// MARK: What goes together

extension CandidateRequest {
    private func requireWholeGroups(_ call: Call<Placement>) throws(Failure) {
        let empty = groups.filter { $0.value.resources.isEmpty }.map(\.key).sorted()
        if call.version >= "1.36" { try requireSubtrees(empty) } else { try refuseOrphans(empty) }
        guard call.version >= "1.22" else { return }
        let conflicts = groups.flatMap { suffix, group in
            group.required.filter { $0.isSubset(of: group.forbidden) }.map {
                "required\(suffix): (\($0.sorted().joined(separator: ", ")))"
            }
        }
        guard conflicts.isEmpty else {
            throw .invalid(
                "Conflicting required and forbidden traits found in the following traits keys: "
                    + conflicts.sorted().joined(separator: ", "))
        }
    }

    /// Groups without resources are for saying what stands above others.
    private func requireSubtrees(_ empty: [String]) throws(Failure) {
        guard empty.count < groups.count else {
            throw .invalid("There must be at least one resources or resources[$S] parameter.", .missingParameter)
        }
        let named = sameSubtrees.reduce(into: Set<String>()) { $0.formUnion($1) }
        let loose = empty.filter { !named.contains($0) }
        guard loose.isEmpty else {
            throw .invalid(
                "Resourceless suffixed group request should be specified in `same_subtree` query param: "
                    + "bad group(s) - \(loose.quoted).", .badParameter)
        }
        let unknown = named.filter { groups[$0] == nil }.sorted()
        guard unknown.isEmpty else {
            throw .invalid(
                "Real suffixes should be specified in `same_subtree`: \(unknown.quoted) not found in "
                    + "\(groups.keys.sorted().quoted).", .badParameter)
        }
    }

    private func refuseOrphans(_ empty: [String]) throws(Failure) {
        let traits = empty.filter { groups[$0]?.required.isEmpty == false }.map { "required\($0)" }
        guard traits.isEmpty else {
            throw .invalid(
                "All traits parameters must be associated with resources.  Found the following orphaned traits keys: "
                    + traits.joined(separator: ", "))
        }
        let aggregates = empty.filter { suffix in
            groups[suffix].map { !$0.memberOf.isEmpty || !$0.notMemberOf.isEmpty } ?? false
        }
        guard aggregates.isEmpty else {
            throw .invalid(
                "All member_of parameters must be associated with resources. Found the following orphaned member_of "
                    + "keys: \(aggregates.map { "member_of\($0)" }.joined(separator: ", "))")
        }
        guard empty.isEmpty else { throw .invalid("All request groups must specify resources.") }
        guard !groups.isEmpty else {
            throw .invalid("At least one request group (`resources` or `resources{$S}`) is required.")
        }
    }
}

extension [String] {
    fileprivate var quoted: String { "[\(map { "'\($0)'" }.joined(separator: ", "))]" }
}

extension Call<Placement> {
    /// Parameters of groups have names of the caller's own, so the list of what is known is made for each call.
    fileprivate func admitCandidateQuery() throws(Failure) {
        let fields = CandidateSearch.wideFields.filter { version >= $0.since ?? "1.0" }
        let strangers = Set(query.items.map(\.name)).subtracting(fields.map(\.name))
        let parts = strangers.filter { CandidateRequest.split($0, version) != nil }
        if version >= "1.25", let stranger = strangers.subtracting(parts).min() {
            throw .query("'\(stranger)' does not match any of the regexes: \(CandidateRequest.patterns(version))")
        }
        let resources: [Field] = version < "1.25" ? [.required("resources", .text)] : []
        try admitQuery(
            Fields(fields + resources + parts.subtracting(resources.map(\.name)).map { .optional($0, .text) }))
    }
}

extension CandidateRequest {
    fileprivate static func patterns(_ version: Microversion) -> String {
        let suffix = version >= "1.33" ? "[a-zA-Z0-9_-]{1,64}" : "[1-9][0-9]*"
        return parts.filter { version >= $0.since }.map { "'^\($0.name)(\(suffix))?$'" }.joined(separator: ", ")
    }
}
