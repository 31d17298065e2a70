import Base

/// A network device as it is now.
struct Link: Equatable {
    var name: String
    var kind: String?
    var master: String?
    var mtu: Int
    var isUp: Bool
    var mac: String
    var alias: String?
    /// With their prefixes, without those that the kernel gave itself.
    var addresses: Set<String>

    /// What `ip -j -d address show` says.
    static func read(_ json: JSON) -> [String: Link] {
        var links: [String: Link] = [:]
        for entry in json.array ?? [] {
            guard let name = entry["ifname"]?.string else { continue }
            let addresses = (entry["addr_info"]?.array ?? []).compactMap { info -> String? in
                guard info["scope"] != "link" || info["family"] == "inet", let local = info["local"]?.string,
                    let prefix = info["prefixlen"]?.integer
                else { return nil }
                return IPAddress(local).map { "\($0)/\(prefix)" }
            }
            links[name] = Link(
                name: name, kind: entry["linkinfo"]?["info_kind"]?.string, master: entry["master"]?.string,
                mtu: Int(entry["mtu"]?.integer ?? 0),
                isUp: entry["flags"]?.array?.contains("UP") ?? false, mac: entry["address"]?.string ?? "",
                alias: entry["ifalias"]?.string, addresses: Set(addresses))
        }
        return links
    }
}

/// A route as it is now: only those that we made.
struct Route: Hashable {
    let destination: String
    let hop: String

    static func read(_ json: JSON, everything: String) -> Set<Route> {
        var routes: Set<Route> = []
        for entry in json.array ?? [] where entry["protocol"] == "static" {
            guard let destination = entry["dst"]?.string, let hop = entry["gateway"]?.string else { continue }
            let network = destination == "default" ? everything : destination
            guard let spelled = IPNetwork(network) else { continue }
            routes.insert(Route(destination: spelled.description, hop: hop))
        }
        return routes
    }
}
