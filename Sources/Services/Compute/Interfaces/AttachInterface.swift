import API
import Base
import Bus
import Contracts
import SQL
import Workflow

/// One more interface for a server that is there: a port of the user's, or one that is made for it.
enum AttachInterface: Workflow {
    typealias Tools = ServerTools
    static let name = "attach-interface"

    struct State: JSONCoded {
        let server: ID<Server>
        let request: NetworkRequest
        /// By which a port that was made here is found again.
        let mark: String
        var port: String?

        init(server: ID<Server>, request: NetworkRequest, mark: String) {
            self.server = server
            self.request = request
            self.mark = mark
            port = request.port
        }

        init(_ json: JSON) throws(Failure) {
            server = ID(try json.text("server"))
            request = try NetworkRequest(json.member("request"))
            mark = try json.text("mark")
            port = json["port"]?.string
        }

        var json: JSON {
            [
                "server": .string(server.text), "request": request.json, "mark": .string(mark), "port": JSON(port),
            ]
        }

        var makesPort: Bool { request.port == nil }
    }

    static let steps: [Step<AttachInterface>] = [
        Step("make a port", when: \.makesPort, makePort, undo: removePort),
        Step("plug it in on the host", limit: .seconds(300), plug, undo: unplug),
    ]

    private static func makePort(_ tools: ServerTools, _ state: inout State) async throws {
        let server = try await tools.server(state.server)
        let token = try await tools.token(of: server)
        let service = try await tools.tokens.serviceToken()
        let known = try await tools.ports.ports(of: server.id.text, token: service)
        let (mark, request) = (state.mark, state.request)
        if let port = known.first(where: { $0["binding:profile"]?["attachment"]?.string == mark }) {
            state.port = try port.text("id")
            return
        }
        guard let network = try await self.network(request, server, tools, token) else {
            throw Failure.invalid("No free fixed IP addresses: the project has no network.")
        }
        var body: JSON.Object = JSON.Object([
            JSON.Member(name: "network_id", value: .string(network)),
            .init(name: "project_id", value: .string(server.project)),
            .init(name: "device_id", value: .string(server.id.text)),
            .init(name: "device_owner", value: .string("compute:\(server.zone)")),
            .init(name: "binding:host_id", value: JSON(server.host)),
            .init(
                name: "binding:profile",
                value: .object(
                    JSON.Object([
                        JSON.Member(name: PortDesk.mark, value: .string(server.id.text)),
                        .init(name: "attachment", value: .string(mark)),
                    ]))),
        ])
        if let address = state.request.fixedIP { body["fixed_ips"] = [["ip_address": .string(address)]] }
        let port = try await tools.neighbours.network.ask(
            "POST", "/v2.0/ports", ["port": .object(body)], token: service
        ).json.member("port")
        state.port = try port.text("id")
    }

    private static func network(
        _ request: NetworkRequest, _ server: Server, _ tools: ServerTools, _ token: String
    ) async throws(Failure) -> String? {
        if let id = request.network {
            do throws(Failure) {
                return try await tools.neighbours.network.ask("GET", "/v2.0/networks/\(id)", token: token)
                    .json["network"]?["id"]?.string
            } catch  where error.kind == .notFound {
                throw .invalid("Network \(id) could not be found.")
            }
        }
        let own =
            try await tools.neighbours.network.ask(
                "GET", "/v2.0/networks?project_id=\(server.project)", token: token
            ).json["networks"]?.array ?? []
        guard own.count <= 1 else {
            throw .conflict("Multiple possible networks found, use a Network ID to be more specific.")
        }
        return own.first?["id"]?.string
    }

    private static func removePort(_ tools: ServerTools, _ state: inout State) async throws {
        let token = try await tools.tokens.serviceToken()
        let mark = state.mark
        let known = try await tools.ports.ports(of: state.server.text, token: token)
        for port in known where port["binding:profile"]?["attachment"]?.string == mark {
            try await tools.ports.release(port, of: state.server.text, token: token)
        }
    }

    private static func plug(_ tools: ServerTools, _ state: inout State) async throws {
        let server = try await tools.server(state.server)
        guard let port = state.port, let host = server.host else {
            throw Failure.conflict("Instance \(state.server) is not ready")
        }
        let order = PortOrder(server: server.id.text, port: port, tag: state.request.tag)
        var plugged = try await tools.bus.call(ComputeMessages.attachPort, on: host, order, deadline: .seconds(120))
        if state.makesPort, var object = plugged.object {
            object["ours"] = true
            plugged = .object(object)
        }
        let interface = try Interface(plugged)
        try await tools.change(state.server) { server in
            server.interfaces.removeAll { $0.port == interface.port }
            server.interfaces.append(interface)
        }
    }

    private static func unplug(_ tools: ServerTools, _ state: inout State) async throws {
        guard let port = state.port else { return }
        let server = try await tools.server(state.server)
        if let host = server.host {
            _ = try await tools.bus.call(
                ComputeMessages.detachPort, on: host, PortOrder(server: server.id.text, port: port),
                deadline: .seconds(120))
        }
        try await DetachInterface.release(port, of: state.server, tools)
    }
}

/// An interface goes; the port with it, if it was made for the server.
enum DetachInterface: Workflow {
    typealias Tools = ServerTools
    static let name = "detach-interface"

    struct State: JSONCoded {
        let server: ID<Server>
        let port: String

        init(server: ID<Server>, port: String) {
            self.server = server
            self.port = port
        }

        init(_ json: JSON) throws(Failure) {
            server = ID(try json.text("server"))
            port = try json.text("port")
        }

        var json: JSON { ["server": .string(server.text), "port": .string(port)] }
    }

    static let steps: [Step<DetachInterface>] = [
        Step("unplug it on the host", limit: .seconds(300), unplug), Step("let go of the port", leave),
    ]

    private static func unplug(_ tools: ServerTools, _ state: inout State) async throws {
        guard let host = try await tools.server(state.server).host else { return }
        _ = try await tools.bus.call(
            ComputeMessages.detachPort, on: host, PortOrder(server: state.server.text, port: state.port),
            deadline: .seconds(120))
    }

    private static func leave(_ tools: ServerTools, _ state: inout State) async throws {
        try await release(state.port, of: state.server, tools)
    }

    static func release(_ id: String, of server: ID<Server>, _ tools: ServerTools) async throws {
        let token = try await tools.tokens.serviceToken()
        let known = try await tools.ports.ports(of: server.text, token: token)
        if let port = known.first(where: { $0["id"]?.string == id }) {
            try await tools.ports.release(port, of: server.text, token: token)
        }
        try await tools.change(server) { server in server.interfaces.removeAll { $0.port == id } }
    }
}
