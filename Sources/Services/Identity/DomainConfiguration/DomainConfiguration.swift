import Base

/// What a domain's identity backend is told that differs from the others': `{"ldap": {"url": "ldap://…"}}`.
struct DomainConfiguration: Hashable, Sendable {
    /// Groups of options by their names.
    var groups: JSON.Object

    init(_ groups: JSON.Object = JSON.Object()) { self.groups = groups }

    subscript(group: String, option: String) -> JSON? {
        get { groups[group]?[option] }
        set {
            var options = groups[group]?.object ?? JSON.Object()
            options[option] = newValue
            groups[group] = options.members.isEmpty ? nil : .object(options)
        }
    }

    var isEmpty: Bool { groups.members.isEmpty }

    /// As it is kept: its secret sealed.
    func sealed(by seal: CredentialSeal, now: Moment) -> DomainConfiguration {
        guard let password = self["ldap", "password"]?.string else { return self }
        var sealed = self
        sealed["ldap", "password"] = .string(seal.seal(password, now: now).text)
        return sealed
    }

    /// The same, sealed with the key that seals now; nil when there is nothing to do.
    func resealed(by seal: CredentialSeal, now: Moment) -> DomainConfiguration? {
        guard let kept = self["ldap", "password"]?.string, let password = seal.open(Sealed(text: kept)) else {
            return nil
        }
        var open = self
        open["ldap", "password"] = .string(password)
        return open.sealed(by: seal, now: now)
    }

    /// Without what nobody is shown.
    var visible: DomainConfiguration {
        var visible = self
        visible["ldap", "password"] = nil
        return visible
    }
}

/// A part of a configuration, as paths name it: all, a group, or one option.
struct ConfigurationPart: Hashable, Sendable {
    let group: String?
    let option: String?

    /// Refuses what no domain may set.
    func check() throws(Failure) {
        guard let group else { return }
        guard DomainConfiguration.defaults.groups[group] != nil else {
            throw .configuration("Group \(group) is not supported for domain specific configurations")
        }
        guard let option else { return }
        guard DomainConfiguration.knows(group, option) else {
            throw .configuration(
                "Option \(option) in group \(group) is not supported for domain specific configurations")
        }
    }

    /// The part of a configuration; nil when it has no such part.
    func of(_ configuration: DomainConfiguration) -> JSON? {
        guard let group else { return configuration.isEmpty ? nil : .object(configuration.groups) }
        guard let options = configuration.groups[group] else { return nil }
        guard let option else { return .object(.init([.init(name: group, value: options)])) }
        return options[option].map { .object(.init([.init(name: option, value: $0)])) }
    }

    var described: String {
        guard let group else { return "any options" }
        return option.map { "option \($0) in group \(group)" } ?? "group \(group)"
    }
}

extension DomainConfiguration {
    /// From a body that is meant for a part: it has to name that part and nothing beside it.
    init(_ body: JSON.Object, for part: ConfigurationPart) throws(Failure) {
        try part.check()
        var groups = body
        if let group = part.group, part.option != nil {
            groups = JSON.Object([JSON.Member(name: group, value: .object(body))])
        }
        guard !groups.members.isEmpty else { throw .configuration("No options specified") }
        for member in groups.members {
            guard let options = member.value.object, !options.members.isEmpty else {
                throw .configuration(
                    "The value of group \(member.name) specified in the config should be a dictionary of options")
            }
            for option in options.names { try ConfigurationPart(group: member.name, option: option).check() }
        }
        self.init(groups)
        guard let group = part.group else { return }
        guard groups.names == [group] else {
            throw .configuration(
                "Trying to update group \(group), so that, and only that, group must be specified in the config")
        }
        guard let option = part.option else { return }
        guard groups[group]?.object?.names == [option] else {
            throw .configuration(
                "Trying to update option \(option) in group \(group), so that, and only that, option must be specified in the config"
            )
        }
    }

    func merging(_ changes: DomainConfiguration) -> DomainConfiguration {
        var merged = self
        for group in changes.groups.members {
            for option in group.value.object?.members ?? [] { merged[group.name, option.name] = option.value }
        }
        return merged
    }

    func removing(_ part: ConfigurationPart) -> DomainConfiguration {
        guard let group = part.group else { return DomainConfiguration() }
        var rest = self
        if let option = part.option { rest[group, option] = nil } else { rest.groups[group] = nil }
        return rest
    }

    static func knows(_ group: String, _ option: String) -> Bool {
        defaults[group, option] != nil || group == "ldap" && option == "password"
    }
}

extension Failure {
    static func configuration(_ reason: String) -> Failure {
        .forbidden("Invalid domain specific configuration: \(reason).")
    }
}
