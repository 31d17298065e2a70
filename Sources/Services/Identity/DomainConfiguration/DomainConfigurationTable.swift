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

    func replace(configurationOf domain: ID<Domain>, by configuration: DomainConfiguration) throws(Failure) {
        try run("DELETE FROM domain_configuration WHERE domain_id = \(domain)")
        guard !configuration.isEmpty else { return }
        try insert(
            into: "domain_configuration",
            ["domain_id": domain, "options": JSON.object(configuration.groups).text])
    }
}
