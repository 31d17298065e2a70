import Base
import Cloud
import Config
import Policy

extension Command {
    static let openAPI = Command(
        name: "openapi", summary: "Write a service's endpoints, or those of all, as OpenAPI 3.1", words: ["[SERVICE]"],
        options: [],
        run: { arguments throws(Failure) in
            Terminal.say(try await CloudDescription(policy: nil).openAPI(arguments[0]))
        })

    static let policy = Command(
        name: "policy", summary: "Write the rules as a policy file, or say what one of them comes to for somebody",
        words: ["sample|explain", "[SERVICE|RULE]"],
        options: [
            data, config,
            Option(name: "as", value: "ROLES", summary: "explain: the roles that somebody has (member,reader)"),
            Option(
                name: "scope", value: "KIND", summary: "explain: what the token is for: project, domain, system, none"),
        ],
        run: policy)

    private static func policy(_ arguments: Arguments) async throws(Failure) {
        switch arguments[0] {
        case "sample": Terminal.say(try await CloudDescription(policy: nil).policySample(arguments[1]))
        case "explain":
            guard let rule = arguments[1] else { throw .invalid("Which RULE is to be explained?") }
            let roles = (arguments["as"] ?? "member,reader").split(separator: ",").map(String.init)
            let caller = try Caller.example(roles, scope: arguments["scope"] ?? "project")
            let settings = try CloudSettings.read(arguments)
            for line in try await CloudDescription(policy: settings.policyFolder).explain(rule, as: caller) {
                Terminal.say(line)
            }
        default: throw .invalid("`martlet policy` does two things: sample and explain.")
        }
    }

    static let configuration = Command(
        name: "config", summary: "Show what is set, and where each value comes from", options: [config, Table.option],
        run: { arguments throws(Failure) in
            var table = Table(headings: ["setting", "value", "origin"])
            for line in try CloudSettings.describe(file: arguments["config"]) {
                table.rows.append([line.path, line.value, "\(line.origin)"])
            }
            try table.print(arguments)
            for doubt in CloudSettings.doubts() { Terminal.complain(doubt) }
        })
}

extension Command {
    static let data = Option(
        name: "data", value: "DIR", summary: "where the cloud keeps everything (\(DataDirectory.usual.path))")
    static let config = Option(name: "config", value: "FILE", summary: "a YAML file with settings")
}

extension CloudSettings {
    /// What the command line says goes before the environment, that before the file.
    static func read(_ arguments: Arguments) throws(Failure) -> CloudSettings {
        var settings = try read(file: arguments["config"], data: arguments["data"].map { DataDirectory($0) })
        if let roles = arguments["roles"] {
            settings.roles = try Role.named(roles.split(separator: ",").map(String.init))
        }
        return settings
    }
}
