import Base
import SQL

extension DomainConfiguration {
    static let created = Migration(
        "create domain configuration",
        """
        CREATE TABLE domain_configuration (
            domain_id VARCHAR(64) NOT NULL PRIMARY KEY,
            options   MEDIUMTEXT  NOT NULL,
            FOREIGN KEY (domain_id) REFERENCES project (id)
        )
        """)
}

extension Transaction {
    /// A domain that nothing is set for has an empty one.
    func configuration(of domain: ID<Domain>) throws(Failure) -> DomainConfiguration {
        let found = try row("SELECT options FROM domain_configuration WHERE domain_id = \(domain)") { row in
            try row.extra("options").members
        }
        return DomainConfiguration(found ?? JSON.Object())
    }

    /// Seals the secrets among them anew; how many there were.
    func resealConfigurations(by seal: CredentialSeal, now: Moment) throws(Failure) -> Int {
        let domains: [ID<Domain>] = try rows("SELECT domain_id FROM domain_configuration") { row throws(Failure) in
            try row.id("domain_id")
        }
        var count = 0
        for domain in domains {
            guard let after = try configuration(of: domain).resealed(by: seal, now: now) else { continue }
            try replace(configurationOf: domain, by: after)
            count += 1
        }
        return count
    }

    func replace(configurationOf domain: ID<Domain>, by configuration: DomainConfiguration) throws(Failure) {
        try run("DELETE FROM domain_configuration WHERE domain_id = \(domain)")
        guard !configuration.isEmpty else { return }
        try insert(
            into: "domain_configuration",
            ["domain_id": domain, "options": JSON.object(configuration.groups).text])
    }
}
