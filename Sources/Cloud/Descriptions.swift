import API
package import Base
import Config
import Glibc
import HTTP
package import Policy
import SQL
import Trace

/// What can be said of a cloud without running one.
package struct CloudDescription: Sendable {
    private let services: [ServiceAPI]
    private let overrides: [String: [String: String]]

    /// - Parameter policy: the folder with an operator's policy files.
    package init(policy: String?) async throws(Failure) {
        services = try await Cloud.sketch()
        overrides = if let policy { try PolicyFiles(folder: policy).read(for: services) } else { [:] }
        // Whatever is wrong with a check is told here.
        for service in services { _ = try CloudDescription.policy(of: service, overrides) }
    }

    private func service(_ name: String) throws(Failure) -> ServiceAPI {
        guard let service = services.first(where: { $0.name == name }) else {
            throw .invalid(Spelling.unknown("service", name, among: services.map(\.name)))
        }
        return service
    }

    private static func policy(
        of service: ServiceAPI, _ overrides: [String: [String: String]]
    ) throws(Failure) -> Policy {
        try Policy(service.rules, definitions: service.definitions, overrides: overrides[service.name] ?? [:])
    }

    // MARK: OpenAPI

    /// One service, or all of them by name.
    package func openAPI(_ name: String?) throws(Failure) -> String {
        var json = JSONWriter(capacity: 1 << 20)
        if let name {
            let service = try service(name)
            json.object { OpenAPI(service).write(to: &$0) }
        } else {
            json.object { json in
                for service in services { json.object(service.name) { OpenAPI(service).write(to: &$0) } }
            }
        }
        return json.finishText()
    }

    // MARK: Policy

    /// The rules with their defaults, as a policy file has them, each put in brackets of comment.
    package func policySample(_ name: String?) throws(Failure) -> String {
        let chosen = try name.map { name throws(Failure) in [try service(name)] } ?? services
        var text = ""
        for service in chosen {
            text += "# \(service.name): to be kept as \(service.name).yaml in the folder of policies\n\n"
            for definition in service.definitions {
                text += "#\"\(definition.name)\": \"\(definition.check)\"\n\n"
            }
            for rule in service.rules {
                text += "# \(rule.summary)\n"
                for entry in service.endpoints where entry.access.rules.contains(where: { $0.name == rule.name }) {
                    text += "# \(entry.method)  \(entry.path)\n"
                }
                text += "# tokens: \(rule.reaches.words)\n#\"\(rule.name)\": \"\(rule.check)\"\n\n"
            }
        }
        return text
    }

    /// What a rule leaves to a caller, and what each part of it has to do with that.
    package func explain(_ rule: String, as caller: Caller) throws(Failure) -> [String] {
        for service in services {
            let policy = try CloudDescription.policy(of: service, overrides)
            guard let explanation = policy.explain(rule, for: caller) else { continue }
            var lines = [
                "\(rule) (\(service.name)): \(explanation.scope == .nowhere ? "refused" : "allowed for \(explanation.scope)")"
            ]
            if let known = service.rules.first(where: { $0.name == rule }), !known.reaches.contains(caller.reachKind) {
                lines[0] = "\(rule) (\(service.name)): refused, for it wants a token for \(known.reaches.words)"
            }
            for line in explanation.lines {
                lines.append("  " + String(repeating: "  ", count: line.depth) + "\(line.part)  →  \(line.scope)")
            }
            return lines
        }
        let names = services.flatMap { $0.rules.map(\.name) }
        throw .invalid(Spelling.unknown("rule", rule, among: names))
    }
}

extension Caller {
    /// Somebody with these roles, for trying rules out.
    package static func example(_ roles: [String], scope: String) throws(Failure) -> Caller {
        let home = Named(id: "my-project", name: "my-project", domainID: "my-domain", domainName: "my-domain")
        let reach: Reach
        switch scope {
        case "project": reach = .project(home)
        case "domain": reach = .domain(id: "my-domain", name: "my-domain")
        case "system": reach = .system
        case "none": reach = .none
        default: throw .invalid("A token is for one of: project, domain, system, none; not for \(scope).")
        }
        return Caller(
            user: Named(id: "me", name: "me", domainID: "my-domain", domainName: "my-domain"), reach: reach,
            roles: roles, expires: Moment(seconds: 0))
    }

    fileprivate var reachKind: Reaches {
        switch reach {
        case .none, .project: .project
        case .domain: .domain
        case .system: .system
        }
    }
}

extension Reaches {
    fileprivate var words: String {
        let kinds: [(Reaches, String)] = [(.project, "project"), (.domain, "domain"), (.system, "system")]
        return kinds.filter { contains($0.0) }.map(\.1).joined(separator: ", ")
    }
}

extension Cloud {
    /// The services as they are on an empty store, of which nothing is left.
    static func sketch() async throws(Failure) -> [ServiceAPI] {
        var template = Array("/tmp/martlet.XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw .unavailable("Cannot make a folder in /tmp: \(String(cString: strerror(errno))).")
        }
        let path = String(decoding: template.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        var settings = CloudSettings(data: DataDirectory(path))
        settings.hypervisor = .simulated
        settings.mechanism = .simulated
        let result: Result<[ServiceAPI], Failure>
        do throws(Failure) {
            try settings.data.take()
            let cloud = try await Cloud(settings, log: .silent)
            result = .success(cloud.services)
            await cloud.abandon()
        } catch { result = .failure(error) }
        try? Files.removeFolder(path)
        return try result.get()
    }
}
