import API
import Base
import HTTP
import Policy
import SQL

extension Resource {
    /// A flavor: a choice of how a network service is provided, by a name that users understand.
    static let flavor: Resource = Resource(
        "flavor", "flavors", table: "network_flavor",
        missing: { .missing("FlavorNotFound", "Flavor \($0) could not be found.") },
        attributes: [
            .id, .name, .description,
            Attribute("service_type", .text, set: .create, .choice(FlavorRows.services), or: .required),
            Attribute("enabled", .boolean, set: .always, .looseBoolean, or: .value(true)),
            Attribute("service_profiles", nil, set: .create, .list(of: .uuid, count: 0...100), or: .value([])),
        ],
        create: { flavor, desk throws(Failure) in
            try desk.insert(.flavor, flavor)
            for profile in flavor.texts("service_profiles") { try desk.bind(profile, to: flavor.id) }
        },
        delete: { flavor, desk throws(Failure) in
            try desk.tx.run("DELETE FROM network_flavor_profile WHERE flavor_id = \(flavor.id)")
            try desk.remove(.flavor, flavor.id)
        },
        derive: { flavors, desk throws(Failure) in
            var profiles: [String: [String]] = [:]
            let ids = flavors.map(\.id)
            try desk.tx.each(
                "SELECT * FROM network_flavor_profile WHERE flavor_id IN \(.list(ids)) ORDER BY profile_id"
            ) {
                profiles[try $0.text("flavor_id"), default: []].append(try $0.text("profile_id"))
            }
            for index in flavors.indices { flavors[index]["service_profiles"] = .strings(profiles[ids[index]] ?? []) }
        })

    /// A service profile: what an operator says behind a flavor.
    static let serviceProfile: Resource = Resource(
        "service_profile", "service_profiles", table: "network_service_profile",
        missing: { .missing("ServiceProfileNotFound", "Service Profile \($0) could not be found.") },
        attributes: [
            .id, .description,
            Attribute("driver", .text, set: .always, .text(0...1_024), or: .value("")),
            Attribute("metainfo", .text, set: .always, .text(0...4_096), or: .value("")),
            Attribute("enabled", .boolean, set: .always, .looseBoolean, or: .value(true)),
        ],
        create: { profile, desk throws(Failure) in
            try FlavorRows.check(profile)
            try desk.insert(.serviceProfile, profile)
        },
        update: { changes, before, desk throws(Failure) in
            try FlavorRows.check(before.merging(changes))
            try desk.change(.serviceProfile, before.id, changes)
        },
        delete: { profile, desk throws(Failure) in
            guard
                try !desk.tx.exists("SELECT 1 FROM network_flavor_profile WHERE profile_id = \(profile.id)")
            else {
                throw .clash(
                    "ServiceProfileInUse", "Service Profile \(profile.id) is used by some service instance.")
            }
            try desk.remove(.serviceProfile, profile.id)
        })
}

enum FlavorRows {
    /// The services that there are flavors of.
    static let services = [
        "FLAVORS", "L3_ROUTER_NAT", "QOS", "METERING", "TRUNK", "VPN", "LOADBALANCERV2", "FIREWALL_V2",
    ]
    /// What provides routers here: the one driver that a profile may name.
    private static let drivers: Set<String> = ["", "martlet"]

    static let created = Migration(
        "create flavor",
        """
        CREATE TABLE network_flavor (
            id           VARCHAR(36)  NOT NULL PRIMARY KEY,
            name         VARCHAR(255) NOT NULL,
            description  VARCHAR(255) NOT NULL,
            service_type VARCHAR(64)  NOT NULL,
            enabled      BOOLEAN      NOT NULL
        )
        """,
        """
        CREATE TABLE network_service_profile (
            id          VARCHAR(36)   NOT NULL PRIMARY KEY,
            description VARCHAR(255)  NOT NULL,
            driver      VARCHAR(1024) NOT NULL,
            metainfo    MEDIUMTEXT    NOT NULL,
            enabled     BOOLEAN       NOT NULL
        )
        """,
        """
        CREATE TABLE network_flavor_profile (
            flavor_id  VARCHAR(36) NOT NULL,
            profile_id VARCHAR(36) NOT NULL,
            PRIMARY KEY (flavor_id, profile_id),
            FOREIGN KEY (flavor_id) REFERENCES network_flavor (id),
            FOREIGN KEY (profile_id) REFERENCES network_service_profile (id)
        )
        """)

    static func check(_ profile: Document) throws(Failure) {
        let driver = profile.text("driver") ?? ""
        guard drivers.contains(driver) else {
            throw .missing("ServiceProfileDriverNotFound", "Service Profile driver \(driver) could not be found.")
        }
        guard !driver.isEmpty || !(profile.text("metainfo") ?? "").isEmpty else {
            throw .wrong("ServiceProfileEmpty", "Service Profile needs either a driver or metainfo.")
        }
    }

    // MARK: Which profiles stand behind a flavor

    private static let body: Shape = .wrapped("service_profile", [.required("id", .uuid)], others: .allowed)

    static let endpoints: [Endpoint<Network>] = [
        Endpoint(
            "POST", "/flavors/{id}/service_profiles", "Put a profile behind a flavor",
            access: .decided(by: Rule.named("create_flavor_service_profile")), body: .json(body)
        ) { call in
            let id = call.body["service_profile"]?["id"]?.string ?? ""
            try await call.service.database.write { tx in
                let desk = Desk(tx, call.service, call)
                try desk.require("create_flavor_service_profile", of: Desk.Target(own: Document(), parent: nil))
                _ = try desk.visible(.flavor, call["id"])
                try desk.bind(id, to: call["id"])
            }
            return .json(201) { json in json.object("service_profile") { $0.put("id", id) } }
        },
        Endpoint(
            "DELETE", "/flavors/{id}/service_profiles/{profile}", "Take a profile from behind a flavor",
            access: .decided(by: Rule.named("delete_flavor_service_profile"))
        ) { call in
            let (flavor, profile) = (call["id"], call["profile"])
            try await call.service.database.write { tx in
                let desk = Desk(tx, call.service, call)
                try desk.require("delete_flavor_service_profile", of: Desk.Target(own: Document(), parent: nil))
                let bond: SQL = "flavor_id = \(flavor) AND profile_id = \(profile)"
                guard try tx.exists("SELECT 1 FROM network_flavor_profile WHERE \(bond)") else {
                    throw Failure.missing(
                        "FlavorServiceProfileBindingNotFound",
                        "Service Profile \(profile) is not associated with flavor \(flavor).")
                }
                try tx.run("DELETE FROM network_flavor_profile WHERE \(bond)")
            }
            return .noContent
        },
    ]
}

extension Desk {
    fileprivate func bind(_ profile: String, to flavor: String) throws(Failure) {
        _ = try get(.serviceProfile, profile)
        do throws(Failure) {
            try tx.insert(into: "network_flavor_profile", ["flavor_id": flavor, "profile_id": profile])
        } catch  where error.kind == .conflict {
            throw .clash(
                "FlavorServiceProfileBindingExists",
                "Service Profile \(profile) is already associated with flavor \(flavor).")
        }
    }
}
