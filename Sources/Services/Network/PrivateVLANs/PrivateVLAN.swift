import API
import Base
import SQL

/// Private VLANs: who on a network may speak with whom, whatever the security groups would allow.
///
/// A promiscuous port speaks with everybody, one of a community with its community and with the promiscuous, an isolated
/// one with the promiscuous alone. What the system plugs in itself, routers above all, is promiscuous.
enum PrivateVLAN {
    static let added = Migration(
        "add private VLANs",
        "ALTER TABLE network_network ADD COLUMN pvlan BOOLEAN NOT NULL DEFAULT 0",
        "ALTER TABLE network_port ADD COLUMN pvlan_type VARCHAR(16)",
        "ALTER TABLE network_port ADD COLUMN pvlan_community VARCHAR(255)")

    static let ofNetwork = Attribute("pvlan", .boolean, set: .always, .looseBoolean, or: .value(false))

    static let ofPort: [Attribute] = [
        Attribute(
            "pvlan_type", .text, set: .always, .nullable(.choice(["isolated", "promiscuous", "community"])),
            or: .value(.null)),
        Attribute("pvlan_community", .text, set: .always, .nullable(.text(1...232)), or: .value(.null), as: name),
    ]

    /// Letters, digits, underscores and dots, and no digit at the beginning.
    private static let name: Attribute.Normal = { value throws(Failure) in
        guard let text = value.string else { return value }
        let isWord = text.utf8.allSatisfy {
            $0 == 46 || $0 == 95 || (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0)
        }
        guard isWord, let first = text.utf8.first, !(48...57).contains(first) else {
            throw .invalid(
                "Invalid input for pvlan_community. Reason: '\(text)' is not a name of letters, digits, '_' and '.' that"
                    + " begins with no digit.")
        }
        return value
    }

    // MARK: Networks

    static func check(_ network: Document) throws(Failure) {
        guard network.flag("pvlan"), !network.flag("port_security_enabled") else { return }
        throw .wrong(
            "PVLANNetworkPortSecurityDisabled",
            "Port security is disabled on network \(network.id), cannot enable PVLAN.")
    }

    /// The ports of a network that becomes private begin as promiscuous; those of one that is none any more are nothing.
    static func follow(_ network: Document, _ after: Document, _ desk: Desk) throws(Failure) {
        guard network.flag("pvlan") != after.flag("pvlan") else { return }
        guard after.flag("pvlan") else {
            let nothing: SQL = "pvlan_type = NULL, pvlan_community = NULL"
            try desk.tx.run("UPDATE network_port SET \(nothing) WHERE network_id = \(network.id)")
            return
        }
        let open: SQL =
            "network_id = \(network.id) AND port_security_enabled = 0 AND device_owner NOT LIKE 'network:%'"
        if let port = try desk.tx.row("SELECT id FROM network_port WHERE \(open)", { try $0.text("id") }) {
            throw unfiltered(port)
        }
        try desk.tx.run("UPDATE network_port SET pvlan_type = 'promiscuous' WHERE network_id = \(network.id)")
    }

    // MARK: Ports

    /// What a port is, after what is wished of it: on a private network promiscuous unless it says otherwise.
    static func place(
        _ changes: inout Document, _ after: Document, before: Document?, on network: Document
    ) throws(Failure) {
        let wishes = (type: changes.text("pvlan_type"), community: changes.text("pvlan_community"))
        guard network.flag("pvlan") else {
            guard wishes.type == nil, wishes.community == nil else {
                throw .wrong("PVLANNotEnabledOnNetwork", "PVLAN is not enabled on network \(network.id).")
            }
            return
        }
        let isSystem = after.text("device_owner")?.hasPrefix("network:") ?? false
        guard isSystem || after.flag("port_security_enabled") else { throw unfiltered(after.id) }
        let type = wishes.type ?? (changes.has("pvlan_type") ? nil : before?.text("pvlan_type")) ?? "promiscuous"
        var community = wishes.community
        if type == "community" {
            community = community ?? before?.text("pvlan_community")
            guard community != nil else {
                throw .wrong(
                    "PVLANCommunityNameRequired",
                    "Community name is required for ports with PVLAN type \"community\": \(after.id).")
            }
        } else if community != nil {
            throw .wrong(
                "PVLANCannotSetCommunityName",
                "PVLAN community name cannot be set if port type is not \"community\" for this port: \(after.id).")
        }
        changes["pvlan_type"] = .string(type)
        changes["pvlan_community"] = .optional(community)
    }

    private static func unfiltered(_ port: String) -> Failure {
        .wrong("PVLANPortSecurityDisabled", "Port security is disabled for port \(port), cannot set PVLAN.")
    }
}
