import Base
import Contracts

/// What devices and namespaces are called: known words and the beginning of an id, as in the names that operators of
/// such clouds look for. The kernel allows fifteen letters.
enum Names {
    static func bridge(_ network: String) -> String { "brq" + network.prefix(11) }
    /// The end of a port that is in the bridge: a guest's, or the outer end of a pair.
    static func tap(_ port: String) -> String { "tap" + port.prefix(11) }
    static func tunnel(_ number: Int) -> String { "vxlan-\(number)" }
    static func dhcp(_ network: String) -> String { "qdhcp-" + network }
    static func router(_ router: String) -> String { "qrouter-" + router }

    static func inner(_ port: WirePort) -> String {
        let word =
            switch port.kind {
            case .dhcp: "ns-"
            case .gateway: "qg-"
            default: "qr-"
            }
        return word + port.id.prefix(11)
    }

    /// A part of a name in nft, which knows no dashes.
    static func plain(_ id: some StringProtocol) -> String { String(id.filter { $0 != "-" }) }

    /// Where the kernel keeps namespaces that have a name.
    static func place(_ space: String) -> String { "/run/netns/" + space }
}

extension WirePort {
    enum Kind { case guest, dhcp, interface, gateway, other }

    var kind: Kind {
        if owner == "network:dhcp" { return .dhcp }
        if owner == "network:router_gateway" { return .gateway }
        if owner.hasPrefix("network:router_interface") { return .interface }
        return owner.hasPrefix("network:") ? .other : .guest
    }
}

/// A short name for a text, the same wherever it is worked out (FNV-1a). Not for secrets.
func fingerprint(_ text: String) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    return hash
}

func fingerprintText(_ text: String) -> String {
    let hex = String(fingerprint(text), radix: 16)
    return String(repeating: "0", count: 16 - hex.count) + hex
}
