import API
import Base
import HTTP
import Policy
import SQL

/// A server's floating IPs, as older clients give and take them: until 2.43.
enum ServerFloatingIPs {
    static let actions: [ServerAction] = [
        ServerAction(
            name: "addFloatingIp", rule: .addFloatingIP,
            shape: .object(
                Fields([
                    .required("address", .text(2...45, format: .ipAddress)),
                    .optional("fixed_address", .text(2...45, format: .ipAddress)),
                ])), states: [], until: "2.43", handle: add),
        ServerAction(
            name: "removeFloatingIp", rule: .removeFloatingIP,
            shape: .object(Fields([.required("address", .text(2...45, format: .ipAddress))])), states: [],
            until: "2.43", handle: remove),
    ]

    private static func add(_ call: Call<Compute>, _ id: ID<Server>, _ body: JSON) async throws(Failure) -> Reply {
        let server = try await call.service.database.read { try $0.server(id) }
        let wanted = body["fixed_address"]?.string
        let fixed = server.interfaces.lazy.flatMap { interface in
            interface.addresses.filter { !$0.isFloating }.map { (port: interface.port, address: $0.address) }
        }
        guard !fixed.isEmpty else { throw .invalid("No fixed IPs associated to instance") }
        guard let place = fixed.first(where: { wanted.map($0.address.elementsEqual) ?? !$0.address.contains(":") })
        else { throw .invalid("Specified fixed address not assigned to instance") }
        let ip = try await find(body["address"]?.string ?? "", call)
        let change: JSON = ["port_id": .string(place.port), "fixed_ip_address": .string(place.address)]
        do throws(Failure) {
            _ = try await call.network("PUT", "/floatingips/\(ip["id"]?.string ?? "")", ["floatingip": change])
        } catch  where error.kind == .conflict || error.kind == .invalid {
            throw .invalid(error.message)
        }
        try await call.service.refreshAddresses(of: id)
        return Reply(202)
    }

    private static func remove(_ call: Call<Compute>, _ id: ID<Server>, _ body: JSON) async throws(Failure) -> Reply {
        let server = try await call.service.database.read { try $0.server(id) }
        let address = body["address"]?.string ?? ""
        let ip = try await find(address, call)
        guard server.interfaces.contains(where: { $0.port == ip["port_id"]?.string }) else {
            throw .conflict("Floating IP \(address) is not associated with instance \(id).")
        }
        _ = try await call.network(
            "PUT", "/floatingips/\(ip["id"]?.string ?? "")", ["floatingip": ["port_id": .null]])
        try await call.service.refreshAddresses(of: id)
        return Reply(202)
    }

    private static func find(_ address: String, _ call: Call<Compute>) async throws(Failure) -> JSON {
        let found = try await call.network("GET", "/floatingips?floating_ip_address=\(address)")["floatingips"]
        guard let ip = found?.array?.first else { throw Failure(.notFound, "floating IP not found") }
        return ip
    }
}

extension Rule {
    static let addFloatingIP = Rule("os_compute_api:os-floating-ips:add", "Give a server a floating IP", May.member)
    static let removeFloatingIP = Rule("os_compute_api:os-floating-ips:remove", "Take a floating IP", May.member)
}
