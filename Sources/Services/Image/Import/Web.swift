package import Base
package import HTTP
package import IO

/// What images are fetched from by their address.
package protocol Web: Sendable {
    /// The body behind a URL that a user names.
    func fetch(_ url: String, within rules: WebRules) async throws(Failure) -> HTTPBody
    /// The body behind a URL of another cloud's service, for which the catalog vouches.
    func fetch(_ url: String, token: String) async throws(Failure) -> HTTPBody
}

/// Which addresses users may name. Whatever is fetched is fetched by this machine, which can reach more than its users can:
/// its own services, and those that tell a machine its secrets.
package struct WebRules: Sendable {
    package var ports: Set<Int> = [80, 443]
    /// Where not empty, only these, whatever their addresses.
    package var hosts: Set<String> = []

    package init() {}

    /// Refuses what can be told from the URL alone.
    func check(_ text: String) throws(Failure) -> HTTPURL {
        guard let url = try? HTTPURL(text), case .tcp(let host, let port) = url.origin.address, ports.contains(port),
            hosts.isEmpty ? WebRules.isPublicName(host) : hosts.contains(host)
        else {
            throw .invalid("URI for web-download does not pass filtering: \(text)")
        }
        return url
    }

    func admits(_ address: IPAddress, of host: String) -> Bool {
        hosts.contains(host) || !(address.isLoopback || address.isLinkLocal)
    }

    /// Numbers are addresses in their usual spelling or nothing: `127.1` and `2130706433` are read differently by different
    /// programs.
    private static func isPublicName(_ host: String) -> Bool {
        if let address = IPAddress(host) { return !(address.isLoopback || address.isLinkLocal) }
        guard host.lowercased() != "localhost", let last = host.split(separator: ".").last else { return false }
        return last.first?.isNumber == false
    }
}

extension IPAddress {
    /// An IPv4 address in IPv6's clothes, as what it is.
    private var plain: IPAddress {
        guard family == .v6, number >> 32 == 0xFFFF else { return self }
        return IPAddress(.v4, number & 0xFFFF_FFFF)
    }

    fileprivate var isLoopback: Bool {
        switch plain.family {
        case .v4: plain.number >> 24 == 127 || plain.number >> 24 == 0
        case .v6: plain.number <= 1
        }
    }

    fileprivate var isLinkLocal: Bool {
        switch plain.family {
        case .v4: plain.number >> 16 == 0xA9FE
        case .v6: plain.number >> 118 == 0x3FA
        }
    }
}

/// The web as it is. Names are looked up here, so that what was checked is what is connected to.
package struct OpenWeb: Web {
    /// As many as browsers follow without suspecting a circle, divided by four.
    private static let redirects = 5

    private let client: HTTPClient
    private let names: Pool

    package init(_ client: HTTPClient, names: Pool) {
        self.client = client
        self.names = names
    }

    package func fetch(_ url: String, within rules: WebRules) async throws(Failure) -> HTTPBody {
        var next = try rules.check(url)
        for _ in 0...OpenWeb.redirects {
            let request = HTTPRequest("GET", next.target, headers: ["Accept": "*/*"])
            let reply = try await client.send(request, to: try await checkedOrigin(of: next, rules))
            if (200..<300).contains(reply.status) { return reply.body }
            guard [301, 302, 303, 307, 308].contains(reply.status), let place = reply.headers["location"] else {
                throw .unavailable("\(next) answered with the status \(reply.status).")
            }
            next = try rules.check(place.hasPrefix("/") ? "\(next.origin)\(place)" : place)
        }
        throw .unavailable("\(url) leads on and on.")
    }

    package func fetch(_ url: String, token: String) async throws(Failure) -> HTTPBody {
        let url = try HTTPURL(url)
        let reply = try await client.send(
            HTTPRequest("GET", url.target, headers: ["X-Auth-Token": token]), to: url.origin)
        guard (200..<300).contains(reply.status) else {
            throw .unavailable("\(url) answered with the status \(reply.status).")
        }
        return reply.body
    }

    /// An encrypted connection proves by its certificate whom it reaches; a plain one goes to the address that was checked.
    private func checkedOrigin(of url: HTTPURL, _ rules: WebRules) async throws(Failure) -> HTTPOrigin {
        guard case .tcp(let host, let port) = url.origin.address else { return url.origin }
        let addresses = try await url.origin.address.resolved(on: names).compactMap { IPAddress($0.host) }
        guard let address = addresses.first(where: { rules.admits($0, of: host) }) else {
            throw .invalid("URI for web-download does not pass filtering: \(url)")
        }
        guard !url.origin.isEncrypted else { return url.origin }
        return HTTPOrigin(.tcp(host: address.description, port: port), host: url.origin.host)
    }
}
