import API
import Base
import SQL

extension PolicyDocument {
    static let created = Migration(
        "create policy",
        """
        CREATE TABLE policy (
            id    VARCHAR(64)  NOT NULL PRIMARY KEY,
            type  VARCHAR(255) NOT NULL,
            data  MEDIUMTEXT   NOT NULL,
            extra MEDIUMTEXT   NOT NULL
        )
        """,
        """
        CREATE TABLE policy_association (
            endpoint_id VARCHAR(64)  NOT NULL,
            service_id  VARCHAR(64)  NOT NULL,
            region_id   VARCHAR(255) NOT NULL,
            policy_id   VARCHAR(64)  NOT NULL,
            PRIMARY KEY (endpoint_id, service_id, region_id),
            FOREIGN KEY (policy_id) REFERENCES policy (id)
        )
        """)

    static let filters: [Filter] = [.text("type", "type")]

    init(_ row: borrowing Row) throws(Failure) {
        self.init(
            id: try row.id("id"), type: try row.text("type"), blob: try row.text("data"),
            extra: try row.extra("extra"))
    }
}

extension Transaction {
    func policies(_ query: Parameters) throws(Failure) -> Page<PolicyDocument> {
        try page("SELECT * FROM policy WHERE \(PolicyDocument.filters.condition(query))", query)
    }

    func policy(_ id: ID<PolicyDocument>) throws(Failure) -> PolicyDocument {
        guard let policy: PolicyDocument = try row("SELECT * FROM policy WHERE id = \(id)") else {
            throw .notFound(PolicyDocument.one, id.text)
        }
        return policy
    }

    func insert(_ policy: PolicyDocument) throws(Failure) {
        try insert(
            into: "policy", ["id": policy.id, "type": policy.type, "data": policy.blob, "extra": policy.extra])
    }

    func update(_ policy: PolicyDocument) throws(Failure) {
        try run(
            """
            UPDATE policy SET type = \(policy.type), data = \(policy.blob), extra = \(policy.extra)
            WHERE id = \(policy.id)
            """)
    }

    func deletePolicy(_ id: ID<PolicyDocument>) throws(Failure) {
        _ = try policy(id)
        try run("DELETE FROM policy_association WHERE policy_id = \(id)")
        try run("DELETE FROM policy WHERE id = \(id)")
    }

    // MARK: What it is for

    /// A subject has one policy: a new one takes the place of the old.
    func associate(_ policy: ID<PolicyDocument>, with subject: PolicySubject) throws(Failure) {
        try run("DELETE FROM policy_association WHERE \(subject.condition)")
        let (endpoint, service, region) = subject.columns
        try insert(
            into: "policy_association",
            ["endpoint_id": endpoint, "service_id": service, "region_id": region, "policy_id": policy])
    }

    func isAssociated(_ policy: ID<PolicyDocument>, with subject: PolicySubject) throws(Failure) -> Bool {
        try exists("SELECT 1 FROM policy_association WHERE \(subject.condition) AND policy_id = \(policy)")
    }

    /// Whether there was such an association.
    func dissociate(_ policy: ID<PolicyDocument>, from subject: PolicySubject) throws(Failure) -> Bool {
        try run("DELETE FROM policy_association WHERE \(subject.condition) AND policy_id = \(policy)") > 0
    }

    func policy(for subject: PolicySubject) throws(Failure) -> PolicyDocument? {
        try row(
            """
            SELECT * FROM policy
            WHERE id IN (SELECT policy_id FROM policy_association WHERE \(subject.condition))
            """)
    }

    func subjects(of policy: ID<PolicyDocument>) throws(Failure) -> [PolicySubject] {
        try rows(
            "SELECT * FROM policy_association WHERE policy_id = \(policy) ORDER BY endpoint_id, service_id, region_id"
        ) { row in
            let (endpoint, region) = (try row.text("endpoint_id"), try row.text("region_id"))
            let service: ID<CatalogService> = try row.id("service_id")
            if !endpoint.isEmpty { return .endpoint(ID(endpoint)) }
            return region.isEmpty ? .service(service) : .serviceInRegion(service, ID(region))
        }
    }

    func deleteAssociations(of endpoint: ID<CatalogEndpoint>) throws(Failure) {
        try run("DELETE FROM policy_association WHERE endpoint_id = \(endpoint)")
    }

    func deleteAssociations(of service: ID<CatalogService>) throws(Failure) {
        try run("DELETE FROM policy_association WHERE service_id = \(service)")
    }

    func deleteAssociations(of region: ID<Region>) throws(Failure) {
        try run("DELETE FROM policy_association WHERE region_id = \(region)")
    }
}

extension PolicySubject {
    fileprivate var columns: (endpoint: String, service: String, region: String) {
        switch self {
        case .endpoint(let id): (id.text, "", "")
        case .service(let id): ("", id.text, "")
        case .serviceInRegion(let service, let region): ("", service.text, region.text)
        }
    }

    fileprivate var condition: SQL {
        let (endpoint, service, region) = columns
        return "endpoint_id = \(endpoint) AND service_id = \(service) AND region_id = \(region)"
    }
}
