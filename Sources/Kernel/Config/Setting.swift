package import Base

/// One thing that can be set: declared once as a value, and from that read, checked, explained and shown.
///
///     static let lifetime = Setting("identity.token.lifetime", .duration, default: .seconds(3_600),
///         "How long a token is good for.", .between(.seconds(60), .seconds(86_400)))
package struct Setting<Value: Sendable>: Sendable {
    package let path: String
    package let type: SettingType<Value>
    package let `default`: Value
    package let doc: String
    package let constraint: Constraint<Value>
    package let secrecy: SettingSecrecy

    package init(
        _ path: String, _ type: SettingType<Value>, default: Value, _ doc: String,
        _ constraint: Constraint<Value> = .none,
        secrecy: SettingSecrecy = .open
    ) {
        self.path = path
        self.type = type
        self.default = `default`
        self.doc = doc
        self.constraint = constraint
        self.secrecy = secrecy
    }
}

/// How much of a setting's value may be shown.
package enum SettingSecrecy: Sendable {
    case open
    case secret
    /// A URL that may have a password in it.
    case passwordInURL

    func shown(_ text: String) -> String {
        switch self {
        case .open: text
        case .secret: text.isEmpty ? "" : "***"
        case .passwordInURL: Self.withoutPassword(text)
        }
    }

    /// `mysql://cloud:***@db/cloud`
    private static func withoutPassword(_ url: String) -> String {
        guard let scheme = url.firstRange(of: "://") else { return url }
        let authority = url[scheme.upperBound...].prefix { $0 != "/" && $0 != "?" }
        guard let at = authority.lastIndex(of: "@"), let colon = authority[..<at].firstIndex(of: ":") else {
            return url
        }
        return url[...colon] + "***" + url[at...]
    }
}

/// What a value must be beyond its type.
package struct Constraint<Value: Sendable>: Sendable {
    /// As it goes on after "must be ".
    package let words: String
    package let holds: @Sendable (Value) -> Bool

    package init(_ words: String, _ holds: @escaping @Sendable (Value) -> Bool) {
        self.words = words
        self.holds = holds
    }

    package static var none: Constraint { Constraint("anything") { _ in true } }
}

extension Constraint where Value: Comparable {
    package static func between(_ least: Value, _ greatest: Value) -> Constraint {
        Constraint("between \(least) and \(greatest)") { least <= $0 && $0 <= greatest }
    }

    package static func atLeast(_ least: Value) -> Constraint { Constraint("at least \(least)") { $0 >= least } }
}

extension Constraint where Value: Collection {
    package static var notEmpty: Constraint { Constraint("not empty") { !$0.isEmpty } }
}

/// A setting of any type, for those who only read, list and explain.
package protocol AnySetting: Sendable {
    var path: String { get }
    var doc: String { get }
    var typeName: String { get }
    var secrecy: SettingSecrecy { get }
    var defaultValue: any Sendable { get }
    func shown(_ value: any Sendable) -> String
    func read(_ json: JSON) throws(Failure) -> any Sendable
    func read(text: String) throws(Failure) -> any Sendable
}

extension AnySetting {
    /// `MARTLET_IDENTITY_TOKEN_LIFETIME`
    package var environmentName: String {
        Environment.prefix + path.uppercased().map { $0 == "." || $0 == "-" ? "_" : $0 }
    }

    /// `--identity-token-lifetime`
    package var flag: String { "--" + path.map { $0 == "." || $0 == "_" ? "-" : $0 } }
}

/// How the names of environment variables begin.
package enum Environment {
    package static let prefix = "MARTLET_"
}

extension Setting: AnySetting {
    package var typeName: String { type.name }
    package var defaultValue: any Sendable { self.default }

    package func read(_ json: JSON) throws(Failure) -> any Sendable { try checked(type.read(json)) }
    package func read(text: String) throws(Failure) -> any Sendable { try checked(type.readText(text)) }

    package func shown(_ value: any Sendable) -> String {
        guard let value = value as? Value else { return "" }
        return secrecy.shown(type.text(value))
    }

    private func checked(_ value: Value?) throws(Failure) -> Value {
        guard let value else { throw .invalid("\(path) must be \(type.name).") }
        guard constraint.holds(value) else { throw .invalid("\(path) must be \(constraint.words).") }
        return value
    }
}
