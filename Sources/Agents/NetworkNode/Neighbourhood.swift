import Base
import Contracts

/// Who is behind a tunnel: which hardware is on which host, and which addresses belong to it. What guests would find
/// out by asking everybody stands here beforehand, so that a question about an address is answered on the spot, and a
/// packet goes to one host.
struct Neighbourhood: Equatable {
    /// Where packets for hardware go; those for everybody go to all hosts.
    struct Way: Hashable {
        let mac: String
        let host: String
    }

    struct Address: Hashable {
        let address: String
        let mac: String
    }

    var ways: Set<Way> = []
    /// The hardware that the bridge looks for behind the tunnel.
    var beyond: Set<String> = []
    var addresses: Set<Address> = []

    static let everybody = "00:00:00:00:00:00"

    init() {}

    init(_ peers: [WirePeer]) {
        for peer in peers {
            ways.insert(Way(mac: Neighbourhood.everybody, host: peer.tunnel))
            for port in peer.ports {
                // An address of hardware that has several hosts would be answered by all of them.
                guard beyond.insert(port.mac).inserted else { continue }
                ways.insert(Way(mac: port.mac, host: peer.tunnel))
                for address in port.addresses { addresses.insert(Address(address: address, mac: port.mac)) }
            }
        }
    }

    /// What `bridge -j fdb show dev` and `ip -j neighbour show dev … nud permanent` say.
    init(ways table: JSON, neighbours: JSON) {
        for entry in table.array ?? [] {
            guard let mac = entry["mac"]?.string else { continue }
            if let host = entry["dst"]?.string {
                ways.insert(Way(mac: mac, host: host))
            } else if entry["master"] != nil, entry["state"] == "static" {
                beyond.insert(mac)
            }
        }
        for entry in neighbours.array ?? [] {
            guard let address = entry["dst"]?.string.flatMap({ IPAddress($0) }), let mac = entry["lladdr"]?.string
            else {
                continue
            }
            addresses.insert(Address(address: address.description, mac: mac))
        }
    }

    /// Lines for `bridge -batch`: what is gone goes first, so that hardware which has moved is found in its new place.
    func ways(from old: Neighbourhood, on tunnel: String) -> [String] {
        var lines: [String] = []
        for way in old.ways.subtracting(ways).sorted() {
            lines.append("fdb delete \(way.mac) dev \(tunnel) dst \(way.host) self")
        }
        for mac in old.beyond.subtracting(beyond).sorted() { lines.append("fdb delete \(mac) dev \(tunnel) master") }
        for way in ways.subtracting(old.ways).sorted() {
            let verb = way.mac == Neighbourhood.everybody ? "append" : "replace"
            lines.append("fdb \(verb) \(way.mac) dev \(tunnel) dst \(way.host) self permanent")
        }
        for mac in beyond.subtracting(old.beyond).sorted() {
            lines.append("fdb replace \(mac) dev \(tunnel) master static")
        }
        return lines
    }

    /// Lines for `ip -batch`.
    func addresses(from old: Neighbourhood, on bridge: String) -> [String] {
        let wanted = Set(addresses.map(\.address))
        let gone = old.addresses.filter { !wanted.contains($0.address) }.map(\.address).sorted()
        let new = addresses.subtracting(old.addresses).sorted { $0.address < $1.address }
        return gone.map { "neighbour delete \($0) dev \(bridge)" }
            + new.map { "neighbour replace \($0.address) lladdr \($0.mac) dev \(bridge) nud permanent" }
    }
}

extension Neighbourhood.Way: Comparable {
    static func < (left: Self, right: Self) -> Bool { (left.mac, left.host) < (right.mac, right.host) }
}
