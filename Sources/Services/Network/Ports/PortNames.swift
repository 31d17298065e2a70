import API
import Base
import SQL

/// What ports are called in their networks' own DNS.
enum PortNames {
    static let domain = "openstacklocal."

    static let added = Migration(
        "add names of ports",
        "ALTER TABLE network_port ADD COLUMN dns_name VARCHAR(255) NOT NULL DEFAULT ''",
        "ALTER TABLE network_port ADD COLUMN dns_domain VARCHAR(255) NOT NULL DEFAULT ''",
        "ALTER TABLE network_network ADD COLUMN dns_domain VARCHAR(255) NOT NULL DEFAULT ''")

    /// A name, or several with dots between, of letters, digits and dashes.
    static let normal: Attribute.Normal = { value throws(Failure) in
        guard let text = value.string, !text.isEmpty else { return "" }
        let labels = (text.hasSuffix(".") ? text.dropLast() : text[...]).split(
            separator: ".", omittingEmptySubsequences: false)
        let isName = labels.allSatisfy { label in
            (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
                && label.utf8.allSatisfy {
                    $0 == 45 || (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0)
                }
        }
        guard isName else {
            throw .invalid("Invalid input for dns_name. Reason: '\(text)' not a valid PQDN or FQDN.")
        }
        return .string(text.lowercased())
    }

    /// What each address of a port is called.
    static func assignment(_ port: Document) -> JSON {
        let name = port.text("dns_name") ?? ""
        return .array(
            port.objects("fixed_ips").compactMap { fixed in
                guard let address = fixed.text("ip_address") else { return nil }
                let host = name.isEmpty ? "host-" + String(address.map { $0 == "." || $0 == ":" ? "-" : $0 }) : name
                return [
                    "ip_address": .string(address), "hostname": .string(host), "fqdn": .string(host + "." + domain),
                ]
            })
    }
}
