import Base
import SQL

/// The addresses that are given. That none is given twice is the primary key's promise.
enum Addresses {
    static let created = Migration(
        "create address",
        """
        CREATE TABLE network_address (
            network_id  VARCHAR(36) NOT NULL,
            address_key VARCHAR(32) NOT NULL,
            address     VARCHAR(45) NOT NULL,
            subnet_id   VARCHAR(36) NOT NULL,
            port_id     VARCHAR(36) NOT NULL,
            place       BIGINT      NOT NULL,
            PRIMARY KEY (network_id, address_key)
        )
        """,
        "CREATE INDEX network_address_port ON network_address (port_id)",
        "CREATE INDEX network_address_subnet ON network_address (subnet_id, address_key)")
}

/// An address of a port.
struct FixedIP: Hashable, Sendable {
    let subnet: String
    let address: IPAddress

    var json: JSON { ["subnet_id": .string(subnet), "ip_address": .string(address.description)] }
}

extension Desk {
    func addresses(of ports: [String]) throws(Failure) -> [String: [FixedIP]] {
        var addresses: [String: [FixedIP]] = [:]
        let sql: SQL = """
            SELECT port_id, subnet_id, address_key FROM network_address
            WHERE port_id IN \(.list(ports)) ORDER BY place, address_key
            """
        try tx.each(sql) { row in
            guard let address = IPAddress(key: try row.text("address_key")) else { return }
            addresses[try row.text("port_id"), default: []].append(
                FixedIP(subnet: try row.text("subnet_id"), address: address))
        }
        return addresses
    }

    func give(_ address: FixedIP, to port: String, on network: String, place: Int) throws(Failure) {
        do throws(Failure) {
            try tx.insert(
                into: "network_address",
                [
                    "network_id": network, "address_key": address.address.key, "address": address.address.description,
                    "subnet_id": address.subnet, "port_id": port, "place": place,
                ])
        } catch  where error.kind == .conflict {
            throw .clash(
                "IpAddressAlreadyAllocated",
                "IP address \(address.address) already allocated in subnet \(address.subnet)")
        }
    }

    func take(_ addresses: [FixedIP], from port: String) throws(Failure) {
        for address in addresses {
            try tx.run(
                "DELETE FROM network_address WHERE port_id = \(port) AND address_key = \(address.address.key)")
        }
    }

    /// An address of a subnet's pools that nobody has: the one after the last that was given, and at a pool's end the first
    /// that is free again. So what was given back stays unused for as long as there is something else.
    func freeAddress(in subnet: Subnet) throws(Failure) -> IPAddress? {
        for pool in subnet.pools {
            let last = try lastGiven(in: pool, of: subnet)
            guard let last else { return pool.first }
            if last < pool.last { return last.advanced(by: 1) }
            if let address = try firstFree(in: pool, of: subnet) { return address }
        }
        return nil
    }

    private func lastGiven(in pool: AddressRange, of subnet: Subnet) throws(Failure) -> IPAddress? {
        let sql: SQL = """
            SELECT address_key FROM network_address
            WHERE subnet_id = \(subnet.id) AND address_key >= \(pool.first.key) AND address_key <= \(pool.last.key)
            ORDER BY address_key DESC LIMIT 1
            """
        return try tx.rows(sql) { row in IPAddress(key: try row.text("address_key")) }.first ?? nil
    }

    /// Steps over what is given, twice as far each time, and when that was too far by halves: a pool of thousands is seen
    /// through in some twenty looks.
    private func firstFree(in pool: AddressRange, of subnet: Subnet) throws(Failure) -> IPAddress? {
        var (candidate, count) = (pool.first, 1)
        while candidate <= pool.last, try isGiven(candidate, count, of: subnet) {
            candidate = candidate.advanced(by: UInt128(count))
            count *= 2
        }
        while count > 1 {
            count /= 2
            if try isGiven(candidate, count, of: subnet) { candidate = candidate.advanced(by: UInt128(count)) }
        }
        return candidate <= pool.last ? candidate : nil
    }

    /// Whether none of so many addresses is left.
    private func isGiven(_ first: IPAddress, _ count: Int, of subnet: Subnet) throws(Failure) -> Bool {
        let last = first.advanced(by: UInt128(count - 1))
        let given = try tx.count(
            """
            SELECT COUNT(*) FROM network_address
            WHERE subnet_id = \(subnet.id) AND address_key >= \(first.key) AND address_key <= \(last.key)
            """)
        return given == count
    }
}
