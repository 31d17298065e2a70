import API
import Base
import Bus
import Contracts
import Policy
import SQL

/// What a server has written to its serial console.
enum ServerConsole {
    static let actions: [ServerAction] = [
        ServerAction(
            name: "os-getConsoleOutput", rule: .showConsole,
            shape: .object(Fields([.optional("length", .nullable(.looseInteger(-1...Int64(Int32.max))))])), states: [],
            handle: read)
    ]

    private static func read(_ call: Call<Compute>, _ id: ID<Server>, _ body: JSON) async throws(Failure) -> Reply {
        let server = try await call.service.database.read { try $0.server(id) }
        guard let host = server.host, server.state != .building else {
            throw .conflict("Instance \(id) is not ready")
        }
        let asked = body["length"]?.looseInteger
        let lines = asked.flatMap { $0 >= 0 ? Int($0) : nil }
        let output = try await call.service.bus.call(
            ComputeMessages.console, on: host, ConsoleRequest(server: id.text, lines: lines), deadline: .seconds(30))
        return .json { $0.put("output", output.string ?? "") }
    }
}

extension Rule {
    static let showConsole = Rule("os_compute_api:os-console-output", "Read a server's console", May.member)
}
