package import Base

/// Every setting's value, and where it came from. What is said later wins: default, file, environment, command line.
package struct Configuration: Sendable {
    package enum Origin: Sendable, Hashable, CustomStringConvertible {
        case standard
        case file(String)
        case environment(String)
        case flag(String)

        package var description: String {
            switch self {
            case .standard: "default"
            case .file(let name), .environment(let name), .flag(let name): name
            }
        }
    }

    /// One line of `martlet config`. Secrets are not in it.
    package struct Line: Sendable, Hashable {
        package let path: String
        package let value: String
        package let origin: Origin
        package let doc: String
    }

    private struct Entry: Sendable {
        let setting: any AnySetting
        var value: any Sendable
        var origin: Origin
    }

    private let order: [String]
    private var entries: [String: Entry] = [:]

    /// Everything at its default.
    package init(_ settings: [any AnySetting]) {
        order = settings.map(\.path)
        for setting in settings {
            precondition(entries[setting.path] == nil, "\(setting.path) is declared twice")
            entries[setting.path] = Entry(setting: setting, value: setting.defaultValue, origin: .standard)
        }
    }

    /// Merges what a file, the environment and the command line (by path) say; all mistakes are told at once.
    package init(
        _ settings: [any AnySetting], file: ConfigurationFile? = nil, environment: [String: String] = [:],
        flags: [String: String] = [:]
    ) throws(Failure) {
        self.init(settings)
        var mistakes: [String] = []
        if let file { take(file, &mistakes) }
        takeEnvironment(environment, &mistakes)
        for (path, text) in flags.sorted(by: { $0.key < $1.key }) {
            set(path, .flag(entries[path]?.setting.flag ?? path), &mistakes) { setting throws(Failure) in
                try setting.read(text: text)
            }
        }
        guard mistakes.isEmpty else { throw .invalid(mistakes.joined(separator: "\n")) }
    }

    package subscript<Value>(setting: Setting<Value>) -> Value {
        guard let value = entries[setting.path]?.value as? Value else {
            preconditionFailure("\(setting.path) is read but not declared")
        }
        return value
    }

    package func origin(of setting: some AnySetting) -> Origin { entries[setting.path]?.origin ?? .standard }

    /// All settings in the order they were declared.
    package func describe() -> [Line] {
        order.compactMap { entries[$0] }.map { entry in
            Line(
                path: entry.setting.path, value: entry.setting.shown(entry.value), origin: entry.origin,
                doc: entry.setting.doc)
        }
    }

    private mutating func take(_ file: ConfigurationFile, _ mistakes: inout [String]) {
        for (path, value) in file.leaves(upTo: { entries[$0] != nil }) {
            set(path, .file(file.name), &mistakes) { setting throws(Failure) in try setting.read(value) }
        }
    }

    private mutating func takeEnvironment(_ environment: [String: String], _ mistakes: inout [String]) {
        var paths: [String: String] = [:]
        for (path, entry) in entries { paths[entry.setting.environmentName] = path }
        for (name, text) in environment.sorted(by: { $0.key < $1.key }) where name.hasPrefix(Environment.prefix) {
            guard let path = paths[name] else {
                mistakes.append(Spelling.unknown("environment variable", name, among: paths.keys))
                continue
            }
            set(path, .environment(name), &mistakes) { setting throws(Failure) in try setting.read(text: text) }
        }
    }

    private mutating func set(
        _ path: String, _ origin: Origin, _ mistakes: inout [String],
        _ read: (any AnySetting) throws(Failure) -> any Sendable
    ) {
        guard let entry = entries[path] else {
            mistakes.append("\(origin): " + Spelling.unknown("setting", path, among: order))
            return
        }
        do throws(Failure) {
            entries[path]?.value = try read(entry.setting)
            entries[path]?.origin = origin
        } catch { mistakes.append("\(origin): \(error.message)") }
    }
}

/// The one file of a configuration.
package struct ConfigurationFile: Sendable {
    package let name: String
    private let content: JSON.Object

    package init(name: String, text: String) throws(Failure) {
        self.name = name
        let value: JSON
        do throws(Failure) { value = try YAML.parse(text) } catch {
            throw Failure(error.kind, "\(name): \(error.message)", cause: error)
        }
        guard value.isNull || value.object != nil else {
            throw .invalid("\(name): settings with their values are expected, not \(value.kind).")
        }
        content = value.object ?? JSON.Object()
    }

    /// The values with their paths; a mapping is walked into unless it is itself a setting's value.
    func leaves(upTo isSetting: (String) -> Bool) -> [(path: String, value: JSON)] {
        var leaves: [(path: String, value: JSON)] = []
        func walk(_ object: JSON.Object, _ prefix: String) {
            for member in object.members {
                let path = prefix + member.name
                if let inner = member.value.object, !inner.members.isEmpty, !isSetting(path) {
                    walk(inner, path + ".")
                } else {
                    leaves.append((path, member.value))
                }
            }
        }
        walk(content, "")
        return leaves
    }
}
