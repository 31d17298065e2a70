import API
import Base
import HTTP
import Policy
import SQL

/// Which policy is for which endpoints (OS-ENDPOINT-POLICY).
struct PolicyAssociations: Sendable {
    enum Kind: Sendable { case endpoint, service, serviceInRegion }

    let kind: Kind

    static let endpoints: [Endpoint<Identity>] =
        [
            .get(
                "/policies/{policy_id}/OS-ENDPOINT-POLICY/endpoints", "List the endpoints that a policy is for",
                may: .listEndpointsForPolicy, listEndpoints),
            .get(
                "/endpoints/{endpoint_id}/OS-ENDPOINT-POLICY/policy", "Show the policy that is for an endpoint",
                may: .getPolicyForEndpoint, showPolicy),
        ]
        + [
            PolicyAssociations(kind: .endpoint), PolicyAssociations(kind: .service),
            PolicyAssociations(kind: .serviceInRegion),
        ]
        .flatMap(\.endpoints)

    private var endpoints: [Endpoint<Identity>] {
        let (path, what) = place
        return [
            .get(path, "Check whether a policy is for \(what)", may: rules.check, check),
            .put(path, "Let a policy be for \(what)", may: rules.create, create),
            .delete(path, "Let a policy no longer be for \(what)", may: rules.delete, delete),
        ]
    }

    private var place: (path: String, what: String) {
        let base = "/policies/{policy_id}/OS-ENDPOINT-POLICY"
        return switch kind {
        case .endpoint: ("\(base)/endpoints/{endpoint_id}", "an endpoint")
        case .service: ("\(base)/services/{service_id}", "a service")
        case .serviceInRegion: ("\(base)/services/{service_id}/regions/{region_id}", "a service in a region")
        }
    }

    private var rules: (check: Rule, create: Rule, delete: Rule) {
        switch kind {
        case .endpoint: (.checkPolicyForEndpoint, .createPolicyForEndpoint, .deletePolicyForEndpoint)
        case .service: (.checkPolicyForService, .createPolicyForService, .deletePolicyForService)
        case .serviceInRegion:
            (
                .checkPolicyForRegionAndService, .createPolicyForRegionAndService, .deletePolicyForRegionAndService
            )
        }
    }
}

extension Rule {
    static let listEndpointsForPolicy = Rule(
        "identity:list_endpoints_for_policy", "List the endpoints that a policy is for", May.adminOrSystemReader,
        for: [.system, .project])
    static let getPolicyForEndpoint = Rule(
        "identity:get_policy_for_endpoint", "Show the policy that is for an endpoint", May.adminOrSystemReader,
        for: [.system, .project])
    fileprivate static let checkPolicyForEndpoint = Rule(
        "identity:check_policy_association_for_endpoint", "Check whether a policy is for an endpoint",
        May.adminOrSystemReader, for: [.system, .project])
    fileprivate static let createPolicyForEndpoint = Rule(
        "identity:create_policy_association_for_endpoint", "Let a policy be for an endpoint", May.admin,
        for: [.system, .project])
    fileprivate static let deletePolicyForEndpoint = Rule(
        "identity:delete_policy_association_for_endpoint", "Let a policy no longer be for an endpoint", May.admin,
        for: [.system, .project])
    fileprivate static let checkPolicyForService = Rule(
        "identity:check_policy_association_for_service", "Check whether a policy is for a service",
        May.adminOrSystemReader, for: [.system, .project])
    fileprivate static let createPolicyForService = Rule(
        "identity:create_policy_association_for_service", "Let a policy be for a service", May.admin,
        for: [.system, .project])
    fileprivate static let deletePolicyForService = Rule(
        "identity:delete_policy_association_for_service", "Let a policy no longer be for a service", May.admin,
        for: [.system, .project])
    fileprivate static let checkPolicyForRegionAndService = Rule(
        "identity:check_policy_association_for_region_and_service",
        "Check whether a policy is for a service in a region", May.adminOrSystemReader, for: [.system, .project])
    fileprivate static let createPolicyForRegionAndService = Rule(
        "identity:create_policy_association_for_region_and_service", "Let a policy be for a service in a region",
        May.admin, for: [.system, .project])
    fileprivate static let deletePolicyForRegionAndService = Rule(
        "identity:delete_policy_association_for_region_and_service",
        "Let a policy no longer be for a service in a region", May.admin, for: [.system, .project])
}

// MARK: Handlers

extension PolicyAssociations {
    private func check(_ call: Call<Identity>) async throws(Failure) -> Reply {
        try await call.service.database.read { tx in
            let (policy, subject) = try tx.association(kind, call)
            guard try tx.isAssociated(policy, with: subject) else { throw Failure.notAssociated(policy) }
        }
        return .noContent
    }

    private func create(_ call: Call<Identity>) async throws(Failure) -> Reply {
        try await call.service.database.write { tx in
            let (policy, subject) = try tx.association(kind, call)
            try tx.associate(policy, with: subject)
        }
        return .noContent
    }

    private func delete(_ call: Call<Identity>) async throws(Failure) -> Reply {
        try await call.service.database.write { tx in
            let (policy, subject) = try tx.association(kind, call)
            guard try tx.dissociate(policy, from: subject) else { throw Failure.notAssociated(policy) }
        }
        return .noContent
    }

    private static func listEndpoints(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let endpoints = try await call.service.database.read { tx in
            let policy = try tx.policy(call.id("policy_id") as ID<PolicyDocument>)
            return try tx.endpoints(under: policy.id)
        }
        return .many(endpoints, call)
    }

    private static func showPolicy(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let policy = try await call.service.database.read { tx in
            try tx.policy(for: try tx.endpoint(call.id("endpoint_id")))
        }
        return .one(policy, call)
    }
}

extension Failure {
    fileprivate static func notAssociated(_ policy: ID<PolicyDocument>) -> Failure {
        Failure(.notFound, "Could not find policy association of policy \(policy).")
    }
}

extension Transaction {
    /// The policy and the subject of a path, all of which have to be there.
    fileprivate func association(
        _ kind: PolicyAssociations.Kind, _ call: Call<Identity>
    ) throws(Failure) -> (ID<PolicyDocument>, PolicySubject) {
        let policy = try policy(call.id("policy_id") as ID<PolicyDocument>).id
        switch kind {
        case .endpoint: return (policy, .endpoint(try endpoint(call.id("endpoint_id")).id))
        case .service: return (policy, .service(try service(call.id("service_id")).id))
        case .serviceInRegion:
            let region: Region = try region(call.id("region_id"))
            return (policy, .serviceInRegion(try service(call.id("service_id")).id, region.id))
        }
    }

    /// The endpoints that a policy is for, each once.
    fileprivate func endpoints(under policy: ID<PolicyDocument>) throws(Failure) -> [CatalogEndpoint] {
        let subjects = Set(try subjects(of: policy))
        let parents = try regionParents()
        let all: [CatalogEndpoint] = try rows("SELECT * FROM endpoint ORDER BY id")
        return all.filter { endpoint in
            if subjects.contains(.endpoint(endpoint.id)) || subjects.contains(.service(endpoint.service)) {
                return true
            }
            return endpoint.regions(parents).contains { subjects.contains(.serviceInRegion(endpoint.service, $0)) }
        }
    }

    /// The nearest policy: the endpoint's own, its service's in its region or one around it, its service's anywhere.
    fileprivate func policy(for endpoint: CatalogEndpoint) throws(Failure) -> PolicyDocument {
        var subjects: [PolicySubject] = [.endpoint(endpoint.id)]
        subjects += endpoint.regions(try regionParents()).map { .serviceInRegion(endpoint.service, $0) }
        subjects.append(.service(endpoint.service))
        for subject in subjects { if let policy = try policy(for: subject) { return policy } }
        throw Failure(.notFound, "No policy is associated with endpoint \(endpoint.id).")
    }

    private func regionParents() throws(Failure) -> [ID<Region>: ID<Region>] {
        let regions: [Region] = try rows("SELECT * FROM region")
        var parents: [ID<Region>: ID<Region>] = [:]
        for region in regions { parents[region.id] = region.parent }
        return parents
    }
}

extension CatalogEndpoint {
    /// The region it stands in and those around that, from the inside out.
    fileprivate func regions(_ parents: [ID<Region>: ID<Region>]) -> [ID<Region>] {
        var regions: [ID<Region>] = []
        var next = region
        while let current = next, !regions.contains(current) {
            regions.append(current)
            next = parents[current]
        }
        return regions
    }
}
