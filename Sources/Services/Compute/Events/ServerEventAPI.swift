import API
import Base
import HTTP
import Policy
import SQL

extension ServerEvent {
    static let endpoints: [Endpoint<Compute>] = [
        .get(path, "List what was done with a server", may: .listServerEvents, query: parameters, list),
        .get(path + "/{request_id}", "Show what a request did with a server", may: .showServerEvent, show),
    ]

    private static let path = "/servers/{server_id}/os-instance-actions"
    private static let parameters: [Parameter] = [
        Parameter("limit", .looseInteger(0...Int64(Int32.max)), since: "2.58"), Parameter("marker", since: "2.58"),
        Parameter("changes-since", since: "2.58"), Parameter("changes-before", since: "2.66"),
    ]
}

extension Rule {
    static let listServerEvents = Rule(
        "os_compute_api:os-instance-actions:list", "List what was done with a server", May.reader)
    static let showServerEvent = Rule(
        "os_compute_api:os-instance-actions:show", "Show what was done with a server", May.reader)
    static let showServerSteps = Rule(
        "os_compute_api:os-instance-actions:events", "Show the steps in full, with hosts and errors", May.admin)
    static let showStepDetails = Rule(
        "os_compute_api:os-instance-actions:events:details", "Show why steps failed", May.admin)
}

// MARK: Handlers

extension ServerEvent {
    /// The server; since 2.21 also one that is deleted.
    private static func found(_ call: Call<Compute>, _ tx: Transaction) throws(Failure) -> Server {
        try tx.server(call.id("server_id"), in: call.scope, evenDeleted: call.version >= "2.21")
    }

    private static func list(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let events = try await call.service.database.read { tx in
            try tx.serverEvents(of: try found(call, tx).id)
        }
        guard call.version >= "2.58" else { return reply(Page(things: events, next: nil), call) }
        return reply(try page(of: events.filter(try times(call)), call), call)
    }

    private static func times(_ call: Call<Compute>) throws(Failure) -> (ServerEvent) -> Bool {
        let since = try call.moment("changes-since")
        let before = call.version >= "2.66" ? try call.moment("changes-before") : nil
        if let since, let before, before < since {
            throw .invalid("The value of changes-since must be less than or equal to changes-before.")
        }
        return { event in (since.map { event.updated >= $0 } ?? true) && (before.map { event.updated <= $0 } ?? true) }
    }

    private static func page(of events: [ServerEvent], _ call: Call<Compute>) throws(Failure) -> Page<ServerEvent> {
        let limit = try call.limit()
        var rest = events[...]
        if let marker = call.query["marker"] {
            guard let place = events.firstIndex(where: { $0.request == marker }) else {
                throw .invalid("Marker \(marker) could not be found.")
            }
            rest = events[(place + 1)...]
        }
        let things = Array(rest.prefix(limit))
        return Page(things: things, next: rest.count > limit ? things.last?.request : nil)
    }

    private static func reply(_ page: Page<ServerEvent>, _ call: Call<Compute>) -> Reply {
        .json { json in
            json.array("instanceActions", of: page.things) { event, json in
                json.object { event.write(to: &$0, at: call.version) }
            }
            guard let marker = page.next else { return }
            json.array("links") { json in
                json.object {
                    $0.put("rel", "next")
                    $0.put("href", call.next(marker, at: "/servers/\(call["server_id"])/os-instance-actions"))
                }
            }
        }
    }

    private static func show(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let request = call["request_id"]
        let (server, event, steps) = try await call.service.database.read { tx in
            let server = try found(call, tx)
            guard let event = try tx.serverEvents(of: server.id).first(where: { $0.request == request }) else {
                throw Failure(.notFound, "Action \(request) not found")
            }
            return (server, event, try tx.serverSteps(of: server.id, in: request))
        }
        let target = ["project_id": server.project, "user_id": server.user]
        let showsAll = call.allows(.showServerSteps, of: target)
        let view = ServerStepView(
            version: call.version, showsTraceback: showsAll,
            showsDetails: call.allows(.showStepDetails, of: target), hostID: server.hostID, host: server.host)
        return .json { json in
            json.object("instanceAction") { json in
                event.write(to: &json, at: call.version)
                guard showsAll || call.version >= "2.51" else { return }
                json.array("events", of: steps) { step, json in json.object { view.write(step, to: &$0) } }
            }
        }
    }
}

extension Call<Compute> {
    /// A time of the query, if it is there.
    func moment(_ name: String) throws(Failure) -> Moment? {
        guard let text = query[name] else { return nil }
        guard let moment = Moment(iso8601: text) else { throw .field(name, "must be a time, not '\(text)'") }
        return moment
    }
}
