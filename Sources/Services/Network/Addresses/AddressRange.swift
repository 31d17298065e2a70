import Base

/// A run of addresses, both ends included.
struct AddressRange: Hashable, Sendable {
    let first: IPAddress
    let last: IPAddress

    func contains(_ address: IPAddress) -> Bool {
        address.family == first.family && first <= address && address <= last
    }
    func overlaps(_ other: AddressRange) -> Bool { first <= other.last && other.first <= last }
    var count: UInt128 { last.number - first.number + 1 }

    var json: JSON { ["start": .string(first.description), "end": .string(last.description)] }

    init(first: IPAddress, last: IPAddress) {
        self.first = first
        self.last = last
    }

    init?(_ object: JSON.Object) {
        guard let first = object.text("start").flatMap({ IPAddress($0) }),
            let last = object.text("end").flatMap({ IPAddress($0) })
        else { return nil }
        self.init(first: first, last: last)
    }
}

extension IPAddress {
    /// Addresses of one family sort as their keys do.
    var key: String {
        let digits = String(number, radix: 16)
        let width = family == .v4 ? 8 : 32
        return String(repeating: "0", count: width - digits.count) + digits
    }

    init?(key: String) {
        guard let number = UInt128(key, radix: 16) else { return nil }
        self.init(key.utf8.count == 8 ? .v4 : .v6, number)
    }

    func advanced(by count: UInt128) -> IPAddress { IPAddress(family, number &+ count) }

    /// The address that a host gives itself from what the router advertises (RFC 4291, appendix A).
    init(in network: IPNetwork, of mac: MACAddress) {
        let high = UInt128(mac.number >> 24 ^ 0x02_0000) << 40
        let low = UInt128(mac.number & 0xFF_FFFF)
        self.init(.v6, network.first.number | high | 0xFF_FE00_0000 | low)
    }
}

extension IPNetwork {
    /// What hosts may have: not the network's own address, nor the one that means all of them.
    var hosts: AddressRange {
        let isLong = family.bits - prefix <= 1
        guard !isLong else { return AddressRange(first: first, last: last) }
        let end = family == .v4 ? IPAddress(family, last.number - 1) : last
        return AddressRange(first: first.advanced(by: 1), last: end)
    }

    /// What hosts may be given when nobody says: all but the gateway.
    func pools(without gateway: IPAddress?) -> [AddressRange] {
        let hosts = hosts
        guard let gateway, hosts.contains(gateway) else { return [hosts] }
        var pools: [AddressRange] = []
        if hosts.first < gateway {
            pools.append(AddressRange(first: hosts.first, last: IPAddress(family, gateway.number - 1)))
        }
        if gateway < hosts.last {
            pools.append(AddressRange(first: gateway.advanced(by: 1), last: hosts.last))
        }
        return pools
    }
}
