import API
import Base
import Contracts
import HTTP
import Policy
import SQL

extension CandidateSearch {
    static let endpoints: [Endpoint<Placement>] = [
        .get(
            "/allocation_candidates", "List where a request would fit", may: .listCandidates, query: parameters,
            since: "1.10", list)
    ]

    /// What is said of the request as a whole.
    static let wideFields: [Field] = [
        .optional("limit", .text(1...18, format: .count), since: "1.16"),
        .optional("group_policy", .choice(["none", "isolate"]), since: "1.25"),
        .optional("root_required", .text, since: "1.35"), .optional("same_subtree", .text, since: "1.36"),
    ]

    /// Those of groups also with a suffix.
    private static let parameters: [Parameter] =
        Fields(wideFields).parameters + [
            Parameter("resources"), Parameter("required", since: "1.17"), Parameter("member_of", since: "1.21"),
            Parameter("in_tree", since: "1.31"),
        ]

    private static func list(_ call: Call<Placement>) async throws(Failure) -> Reply {
        let request = try CandidateRequest(call)
        let found = try await call.service.candidates(request)
        return .json(headers: call.fresh(nil)) { json in
            json.array("allocation_requests", of: found.choices) { choice, json in
                json.object { choice.write(to: &$0, call.version) }
            }
            let asked = request.groups.values.reduce(into: Set<String>()) { $0.formUnion($1.resources.keys) }
            json.object("provider_summaries") {
                for summary in found.summaries {
                    $0.object(summary.provider.text) { summary.write(to: &$0, asked, call.version) }
                }
            }
        }
    }
}

extension Rule {
    static let listCandidates = Rule(
        "placement:allocation_candidates:list", "List where a request would fit", May.operate)
}

extension Candidates.Choice {
    fileprivate func write(to json: inout JSONWriter, _ version: Microversion) {
        guard version >= "1.12" else {
            json.array("allocations", of: allocations) { allocation, json in
                json.object {
                    $0.object("resource_provider") { $0.put("uuid", allocation.key) }
                    $0.object("resources") { for (name, amount) in allocation.value { $0.put(name, amount) } }
                }
            }
            return
        }
        json.object("allocations") {
            for (provider, resources) in allocations {
                $0.object(provider.text) {
                    $0.object("resources") { for (name, amount) in resources { $0.put(name, amount) } }
                }
            }
        }
        guard version >= "1.34" else { return }
        json.object("mappings") {
            for (suffix, providers) in mappings { $0.put(suffix, providers.map(\.text).sorted()) }
        }
    }
}

extension Candidates.Summary {
    /// - Parameter asked: the classes that the request names; until 1.27 no others were told of.
    fileprivate func write(to json: inout JSONWriter, _ asked: Set<String>, _ version: Microversion) {
        json.object("resources") {
            for (name, room) in resources where version >= "1.27" || asked.contains(name) {
                $0.object(name) {
                    $0.put("capacity", room.capacity)
                    $0.put("used", room.used)
                }
            }
        }
        if version >= "1.17" { json.put("traits", traits) }
        guard version >= "1.29" else { return }
        json.put("parent_provider_uuid", parent)
        json.put("root_provider_uuid", root)
    }
}
