import API
import Base
import Config
import Glibc
import Policy

/// What an operator says instead of the services' own rules: a file for each service, `identity.yaml`, with a rule and a
/// check on each line, in the language of oslo.policy.
struct PolicyFiles: Sendable {
    let folder: String

    /// By service; nothing where there is no folder.
    func read(for services: [ServiceAPI]) throws(Failure) -> [String: [String: String]] {
        var overrides: [String: [String: String]] = [:]
        for file in try files() {
            guard let service = services.first(where: { file == $0.name + ".yaml" || file == $0.name + ".yml" }) else {
                let known = services.map { $0.name + ".yaml" }
                throw .invalid("\(folder): " + Spelling.unknown("policy file", file, among: known))
            }
            overrides[service.name] = try checks(in: folder + "/" + file, for: service)
        }
        return overrides
    }

    private func files() throws(Failure) -> [String] {
        try (Files.names(in: folder) ?? []).filter { !$0.hasPrefix(".") }.sorted()
    }

    private func checks(in path: String, for service: ServiceAPI) throws(Failure) -> [String: String] {
        let value: JSON
        do throws(Failure) { value = try YAML.parse(String(decoding: try Files.read(path), as: UTF8.self)) } catch {
            throw .invalid("\(path): \(error.message)")
        }
        guard value.isNull || value.object != nil else {
            throw .invalid("\(path): rules with their checks are expected.")
        }
        var checks: [String: String] = [:]
        for member in value.object?.members ?? [] {
            guard let text = member.value.string else {
                throw .invalid("\(path): the check of \(member.name) must be text.")
            }
            checks[member.name] = text
        }
        let known = Set(service.rules.map(\.name) + service.definitions.map(\.name))
        for name in checks.keys.sorted() where !known.contains(name) {
            // A name of the operator's own is good for others to build upon.
            let isUsed = checks.values.contains { $0.contains("rule:\(name)") }
            guard !name.contains(":"), isUsed else {
                throw .invalid("\(path): " + Spelling.unknown("rule", name, among: known.sorted()))
            }
        }
        return checks
    }
}
