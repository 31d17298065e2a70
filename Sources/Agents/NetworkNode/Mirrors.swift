import Base
import Contracts

/// What guests send and are sent, copied to other guests of the same host, in the words of nft.
///
/// The copies are made at the guests' own devices, so they are of what really goes over them, and go past all filters.
struct Mirrors {
    private let table: String
    private let ports: [WirePort]

    init(_ desired: HostNetwork, host: String, table: String) {
        self.table = table
        let guests = desired.ports.filter { $0.host == host && $0.kind == .guest }
        let here = Set(guests.map(\.id))
        ports = guests.sorted { $0.id < $1.id }.compactMap { port in
            var port = port
            port.mirrors = port.mirrors.filter { here.contains($0.to) }
            return port.mirrors.isEmpty ? nil : port
        }
    }

    /// The devices that copies are made at.
    var devices: Set<String> { Set(ports.map { Names.tap($0.id) }) }

    /// - Parameter turn: how often a device was made anew under the same name, which takes its rules away.
    func text(turn: Int) -> (rules: String, revision: String) {
        let body = ports.flatMap { chain($0, "out", "ingress", \.outgoing) + chain($0, "in", "egress", \.incoming) }
        let revision = "rev_" + fingerprintText("\(turn)\n" + body.joined(separator: "\n"))
        let lines =
            [
                "table netdev \(table) {}", "delete table netdev \(table)", "table netdev \(table) {",
                "chain \(revision) {", "}",
            ] + body + ["}", ""]
        return (lines.joined(separator: "\n"), revision)
    }

    private func chain(
        _ port: WirePort, _ word: String, _ hook: String, _ goes: KeyPath<WirePort.Mirror, Bool>
    ) -> [String] {
        let copies = port.mirrors.filter { $0[keyPath: goes] }.map { mirror in
            let vlans = mirror.vlans.map { "vlan id { \($0.split(separator: ",").joined(separator: ", ")) } " } ?? ""
            return "\(vlans)dup to \"\(Names.tap(mirror.to))\""
        }
        guard !copies.isEmpty else { return [] }
        return [
            "chain \(word)_\(Names.plain(port.id)) {",
            "type filter hook \(hook) device \"\(Names.tap(port.id))\" priority 10; policy accept;",
        ] + copies + ["}"]
    }
}
