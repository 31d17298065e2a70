import API
import Base
import HTTP
import Policy
import SQL
import Workflow

extension Server {
    static let endpoints: [Endpoint<Compute>] = [
        .get("/servers", "List servers", may: .listServers, query: ServerQuery.parameters, list),
        .get(
            "/servers/detail", "List servers with details", may: .listServersDetailed, query: ServerQuery.parameters,
            listDetailed),
        Endpoint(
            "POST", "/servers", "Create servers", access: .decided(by: [.createServer]),
            body: .json(CreateServer.shape), create),
        .get("/servers/{server_id}", "Show a server", may: .showServer, show),
        .put("/servers/{server_id}", "Update a server", may: .updateServer, takes: updateShape, update),
        .delete("/servers/{server_id}", "Delete a server", may: .deleteServer, delete),
        .get("/servers/{server_id}/ips", "List a server's addresses", may: .listServerAddresses, addresses),
        .get(
            "/servers/{server_id}/ips/{network}", "List a server's addresses on a network", may: .showServerAddresses,
            addressesOnNetwork),
    ]

    private static let updateShape: Shape = .wrapped(
        "server",
        [
            .optional("name", .name), .optional("OS-DCF:diskConfig", .choice(["AUTO", "MANUAL"])),
            .optional("accessIPv4", .nullable(.either([.text(0...0), .text(7...15, format: .ipAddress)]))),
            .optional("accessIPv6", .nullable(.either([.text(0...0), .text(2...45, format: .ipAddress)]))),
            .optional("description", .description, since: "2.19"), .optional("hostname", .text(1...255), since: "2.90"),
            .optional("pinned_availability_zone", .nullable(.text(1...255)), since: "2.104"),
        ])
}

extension Rule {
    static let listServers = Rule("os_compute_api:servers:index", "List servers", May.reader)
    static let listServersDetailed = Rule("os_compute_api:servers:detail", "List servers with details", May.reader)
    static let showServer = Rule("os_compute_api:servers:show", "Show a server", May.reader)
    static let createServer = Rule("os_compute_api:servers:create", "Create a server", May.member)
    static let updateServer = Rule("os_compute_api:servers:update", "Update a server", May.member)
    static let deleteServer = Rule("os_compute_api:servers:delete", "Delete a server", May.member)
    static let listServerAddresses = Rule("os_compute_api:ips:index", "List a server's addresses", May.reader)
    static let showServerAddresses = Rule(
        "os_compute_api:ips:show", "List a server's addresses on a network", May.reader)
}

// MARK: Handlers

extension Server {
    static func list(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let (query, view) = (try ServerQuery(call), ServerView(call))
        let page: Page<ServerName> = try await call.service.database.read { try $0.servers(query) }
        return .json { json in
            json.array("servers", of: page.things) { server, json in json.object { view.writeBrief(server, to: &$0) } }
            call.writeNext("servers", page.next, at: "/servers", to: &json)
        }
    }

    static func listDetailed(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let (query, documents) = (try ServerQuery(call), call.service.documents)
        let view = try await ServerView.withHosts(call, ofList: true)
        let kind = view.kind
        let (list, next) = try await call.service.database.read { tx in
            let page: Page<Stamp<Server>> = try tx.servers(query)
            let list = try DocumentList(page.things, documents, as: kind, tx) { ids in
                "SELECT * FROM compute_server WHERE id IN \(ids)"
            }
            return (list, page.next)
        }
        return .json { json in
            json.array("servers") { json in
                list.write(to: &json, documents, as: kind) { server, json in view.write(server, to: &json) }
            }
            call.writeNext("servers", next, at: "/servers/detail", to: &json)
        }
    }

    static func show(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let server = try await call.service.database.read { try $0.server(call.id("server_id"), in: call.scope) }
        let view = try await ServerView.withHosts(call)
        return .json { $0.object("server") { view.write(server, to: &$0) } }
    }

    static func create(_ call: Call<Compute>) async throws(Failure) -> Reply {
        try call.require(.createServer, of: call.ownTarget)
        let servers = try await CreateServer(call).run()
        guard let first = servers.first else { throw .bug("No server was made.") }
        if call.body["server"]?["return_reservation_id"]?.looseBool == true {
            return .json(202) { $0.put("reservation_id", first.reservation) }
        }
        let links = Links(call)
        let location = call.link("/v2.1/servers/\(first.id)")
        return .json(202, headers: ["Location": location]) { json in
            json.object("server") { json in
                json.put("id", first.id)
                links.write(to: &json, "servers", first.id.text)
                json.put("OS-DCF:diskConfig", first.particulars.diskConfig)
                json.array("security_groups", of: first.securityGroups) { name, json in
                    json.object { $0.put("name", name) }
                }
                if let password = CreateServer.adminPassword(call) { json.put("adminPass", password) }
            }
        }
    }

    static func update(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let (body, now) = (try call.fields("server"), call.service.world.now)
        let server = try await call.service.database.write { tx in
            try tx.change(call.id("server_id"), in: call.scope, at: now) { server in
                if let name = body.text("name") { server.name = name.trimmed }
                if body.has("accessIPv4") { server.accessV4 = body.text("accessIPv4").canonicalAddress }
                if body.has("accessIPv6") { server.accessV6 = body.text("accessIPv6").canonicalAddress }
                if body.has("description") { server.description = body.text("description") }
                if let hostname = body.text("hostname") { server.hostname = hostname }
                if let config = body.text("OS-DCF:diskConfig") { server.particulars.diskConfig = config }
                if body.has("pinned_availability_zone") { try server.pin(to: body.text("pinned_availability_zone")) }
            }
        }
        let view = ServerView(call, ofChange: true)
        return .json { $0.object("server") { view.write(server, to: &$0) } }
    }

    /// A server is deleted whatever is being done with it, unless it is locked.
    static func delete(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let id: ID<Server> = call.id("server_id")
        let server = try await call.service.database.read { try $0.server(id, in: call.scope) }
        try server.allowWhenLocked(call)
        try await DeleteServer.begin(call, id)
        return .noContent
    }

    static func addresses(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let server = try await call.service.database.read { try $0.server(call.id("server_id"), in: call.scope) }
        let view = ServerView(call, ofAddresses: true)
        return .json { view.writeAddresses(server, to: &$0) }
    }

    static func addressesOnNetwork(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let server = try await call.service.database.read { try $0.server(call.id("server_id"), in: call.scope) }
        let name = call["network"]
        guard let group = server.interfacesByNetwork.first(where: { $0.name == name }) else {
            throw Failure(.notFound, "Network name not found")
        }
        let view = ServerView(call, ofAddresses: true)
        return .json { view.write(name, group.interfaces, to: &$0) }
    }
}

extension Reply {
    static func one(_ server: Server, _ call: Call<Compute>) -> Reply {
        let view = ServerView(call)
        return .json { $0.object("server") { view.write(server, to: &$0) } }
    }
}

extension String? {
    /// An address as everybody writes it, whichever way it was written; nothing for none.
    var canonicalAddress: String {
        guard let self, !self.isEmpty else { return "" }
        return IPAddress(self)?.description ?? self
    }
}

extension Server {
    /// A server may be held in the zone that it is in, or let go of.
    fileprivate mutating func pin(to wanted: String?) throws(Failure) {
        guard let wanted else {
            particulars.pinnedZone = nil
            return
        }
        if let pinned = particulars.pinnedZone {
            guard wanted == pinned else {
                throw .conflict(
                    "Cannot change pinned availability zone directly. Unpin first by setting pinned_availability_zone to null."
                )
            }
            return
        }
        guard wanted == zone else {
            throw .conflict(
                "Server can only be pinned to its current availability zone '\(zone)', but '\(wanted)' was requested.")
        }
        particulars.pinnedZone = wanted
    }

    /// A locked server can be changed by administrators only.
    func allowWhenLocked(_ call: Call<Compute>) throws(Failure) {
        guard isLocked, !call.caller.isAdmin else { return }
        throw .conflict("Instance \(id) is locked")
    }
}
