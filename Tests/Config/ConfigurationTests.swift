import Base
import Config
import Testing

@Suite struct ConfigurationTests {
    enum Bus: String, CaseIterable { case memory, amqp }

    static let url = Setting("database.url", .text, default: "sqlite:", "Where state is kept.", secrecy: .passwordInURL)
    static let pool = Setting("database.pool", .integer, default: 4, "How many connections.", .between(1, 64))
    static let lifetime = Setting(
        "identity.token.lifetime", .duration, default: .seconds(3_600), "How long a token is good for.",
        .atLeast(.seconds(1)))
    static let secret = Setting("identity.secret", .text, default: "", "A secret.", secrecy: .secret)
    static let bus = Setting("bus.kind", .choice, default: Bus.memory, "What carries messages.")
    static let body = Setting("api.max_body", .size, default: 1 << 20, "The largest body.")
    static let cors = Setting("api.cors", .list, default: [], "Origins that may ask.")
    static let tls = Setting("api.tls", .flag, default: false, "Whether to encrypt.")
    static let certificate = Setting("api.certificate", .optionalText, default: nil, "A file.")
    static let ratio = Setting("api.ratio", .number, default: 0.5, "A ratio.")

    let settings: [any AnySetting] = [url, pool, lifetime, secret, bus, body, cors, tls, certificate, ratio]

    func file(_ text: String) throws -> ConfigurationFile { try ConfigurationFile(name: "martlet.yaml", text: text) }

    func mistakes(_ file: String = "", environment: [String: String] = [:], flags: [String: String] = [:]) throws
        -> String
    {
        let file = try self.file(file)
        let failure = #expect(throws: Failure.self) {
            try Configuration(settings, file: file, environment: environment, flags: flags)
        }
        return failure?.message ?? ""
    }

    @Test func whatNobodySetsIsAtItsDefault() {
        let configuration = Configuration(settings)
        #expect(configuration[Self.lifetime] == .seconds(3_600))
        #expect(configuration[Self.bus] == .memory)
        #expect(configuration.origin(of: Self.bus) == .standard)
    }

    @Test func everyTypeIsReadFromTheFile() throws {
        let text = """
            database: {url: "mysql://cloud:pw@db/cloud", pool: 8}
            identity: {token: {lifetime: 2h}}
            bus.kind: amqp
            api: {max_body: 10MiB, cors: [a, b], tls: true, certificate: /etc/cert.pem, ratio: 2}
            """
        let configuration = try Configuration(settings, file: file(text))
        #expect(configuration[Self.url] == "mysql://cloud:pw@db/cloud")
        #expect(configuration[Self.pool] == 8)
        #expect(configuration[Self.lifetime] == .seconds(7_200))
        #expect(configuration[Self.bus] == .amqp)
        #expect(configuration[Self.body] == 10 << 20)
        #expect(configuration[Self.cors] == ["a", "b"])
        #expect(configuration[Self.tls])
        #expect(configuration[Self.certificate] == "/etc/cert.pem")
        #expect(configuration[Self.ratio] == 2)
        #expect(configuration.origin(of: Self.tls) == .file("martlet.yaml"))
    }

    @Test func everyTypeIsReadFromTheEnvironment() throws {
        let configuration = try Configuration(
            settings,
            environment: [
                "MARTLET_DATABASE_POOL": "9", "MARTLET_IDENTITY_TOKEN_LIFETIME": "90", "MARTLET_BUS_KIND": "amqp",
                "MARTLET_API_MAX_BODY": "10MB", "MARTLET_API_CORS": "a, b", "MARTLET_API_TLS": "true",
                "MARTLET_API_CERTIFICATE": "", "MARTLET_API_RATIO": "0.25", "MARTLET_DATABASE_URL": "x",
                "HOME": "/root",
            ])
        #expect(configuration[Self.pool] == 9)
        #expect(configuration[Self.lifetime] == .seconds(90))
        #expect(configuration[Self.bus] == .amqp)
        #expect(configuration[Self.body] == 10_000_000)
        #expect(configuration[Self.cors] == ["a", "b"])
        #expect(configuration[Self.tls])
        #expect(configuration[Self.certificate] == nil)
        #expect(configuration[Self.ratio] == 0.25)
        #expect(configuration.origin(of: Self.pool) == .environment("MARTLET_DATABASE_POOL"))
    }

    @Test func whatIsSaidLaterWins() throws {
        let text = "database: {pool: 1, url: file}\nidentity: {secret: file}"
        let configuration = try Configuration(
            settings, file: file(text),
            environment: ["MARTLET_DATABASE_POOL": "2", "MARTLET_IDENTITY_SECRET": "environment"],
            flags: ["database.pool": "3"])
        #expect(configuration[Self.pool] == 3)
        #expect(configuration[Self.secret] == "environment")
        #expect(configuration[Self.url] == "file")
        #expect(configuration.origin(of: Self.pool) == .flag("--database-pool"))
    }

    @Test func anUnknownNameSuggestsTheNearest() throws {
        #expect(
            try mistakes("identity: {tokn: {lifetime: 1h}}")
                == "martlet.yaml: unknown setting identity.tokn.lifetime: did you mean identity.token.lifetime?")
        #expect(
            try mistakes(environment: ["MARTLET_DATABSE_URL": "x"])
                == "unknown environment variable MARTLET_DATABSE_URL: did you mean MARTLET_DATABASE_URL?")
        #expect(try mistakes(flags: ["api.tsl": "true"]) == "api.tsl: unknown setting api.tsl: did you mean api.tls?")
        #expect(try mistakes("something: {else: 1}") == "martlet.yaml: unknown setting something.else.")
    }

    @Test(arguments: [
        ("database: {pool: many}", "database.pool must be a whole number."),
        ("database: {pool: 65}", "database.pool must be between 1 and 64."),
        ("database: 5", "unknown setting database"), ("api: {tls: yes}", "api.tls must be true or false."),
        ("bus: {kind: pigeon}", "bus.kind must be one of memory, amqp."),
        ("identity: {token: {lifetime: 5 weeks}}", "identity.token.lifetime must be a duration"),
        ("identity: {token: {lifetime: 0}}", "identity.token.lifetime must be at least"),
        ("identity: {token: {lifetime: 9999999999999d}}", "identity.token.lifetime must be a duration"),
        ("api: {max_body: 10 MiB}", "api.max_body must be a size"), ("api: {cors: [1]}", "api.cors must be a list"),
        ("api: {cors: {}}", "api.cors must be a list"), ("identity: {secret: null}", "identity.secret must be text."),
        ("api: {ratio: big}", "api.ratio must be a number."),
    ])
    func aWrongValueIsNamedWithWhatItMustBe(text: String, message: String) throws {
        #expect(try mistakes(text).contains(message))
    }

    @Test func allMistakesAreToldAtOnce() throws {
        let message = try mistakes("a: 1\ndatabase: {pool: 0}", environment: ["MARTLET_API_TLS": "1"])
        #expect(message.split(separator: "\n").count == 3)
    }

    @Test func aFileThatIsNoMappingIsRefused() {
        #expect(throws: Failure.self) { try file("- a") }
        let failure = #expect(throws: Failure.self) { try file("a: [") }
        #expect(failure?.message.hasPrefix("martlet.yaml: Malformed YAML at line ") == true)
    }

    @Test func anEmptyFileSetsNothing() throws {
        #expect(try Configuration(settings, file: file("# nothing")).describe().allSatisfy { $0.origin == .standard })
    }

    @Test func secretsAreNeverShown() throws {
        let text = "database: {url: \"mysql://cloud:p@ss:word@db:3306/cloud?tls=1\"}\nidentity: {secret: hush}"
        let lines = try Configuration(settings, file: file(text)).describe()
        #expect(
            lines.map(\.path).prefix(4) == [
                "database.url", "database.pool", "identity.token.lifetime", "identity.secret",
            ])
        #expect(lines[0].value == "mysql://cloud:***@db:3306/cloud?tls=1")
        #expect(lines[3].value == "***")
        #expect(lines[2].value == "1h")
        #expect(lines[5].value == "1MiB")
        #expect(lines[0].doc == "Where state is kept.")
        #expect(lines.allSatisfy { !$0.value.contains("hush") && !$0.value.contains("word") })
    }

    @Test(arguments: ["sqlite:/var/lib/x.db", "mysql://db/cloud", "mysql://cloud@db/cloud", "amqp://[::1]:5672/a:b@c"])
    func aURLWithoutAPasswordIsShownAsItIs(url: String) throws {
        #expect(try Configuration(settings, flags: ["database.url": url]).describe()[0].value == url)
    }

    @Test func aSecretIsNotInTheComplaintAboutIt() throws {
        #expect(try !mistakes("identity: {secret: [hush]}").contains("hush"))
    }

    @Test(arguments: [
        ("lifetime", "lifetime", true), ("lifetmie", "lifetime", true), ("lifetim", "lifetime", true),
        ("cat", "lifetime", false),
    ])
    func theNearestIsNear(name: String, known: String, found: Bool) {
        #expect((Spelling.nearest(to: name, among: [known, "zzzzzzzzzzzz"]) == known) == found)
    }
}
