package import API
package import Base
package import Contracts
import Policy
import SQL

/// What compute is to be told: the servers whose addresses are no longer what they were.
///
/// News is written in the transaction that makes it, so a crash between the change and the message leaves no server
/// with an address of yesterday. A server is in it once, however much has changed about it.
enum ServerNews {
    static let created = Migration(
        "create server news",
        """
        CREATE TABLE network_server_news (
            server VARCHAR(36) NOT NULL PRIMARY KEY,
            mark   VARCHAR(36) NOT NULL,
            since  BIGINT      NOT NULL,
            due    BIGINT      NOT NULL
        )
        """)

    /// How often it is looked at what could not be told yet.
    static let pace: Duration = .seconds(5)
    /// A server that is still being made is told of later; one that isn't made by then reads its addresses anew anyway.
    static let patience: Duration = .seconds(900)
    /// As many events as compute takes in one request.
    static let most = 500
}

extension Desk {
    /// The servers behind these ports have other addresses now. Compute itself knows what it has asked for.
    func noteNews(of ports: [String]) throws(Failure) {
        guard !ports.isEmpty, call?.caller.has(role: "service") != true else { return }
        let owned: SQL = "id IN \(.list(ports)) AND device_owner LIKE 'compute:%'"
        let servers = try tx.rows("SELECT device_id FROM network_port WHERE \(owned)") { try $0.text("device_id") }
        for server in Set(servers).sorted() where UUID(server)?.dashed == server {
            try tx.run("DELETE FROM network_server_news WHERE server = \(server)")
            try tx.insert(
                into: "network_server_news", ["server": server, "mark": newID(), "since": now, "due": now])
            tx.afterCommit { [service] in service.hasNews.yield() }
        }
    }
}

extension Network {
    /// Tells compute what is news, until the task is cancelled.
    package func tellNews(
        to compute: Neighbour, _ tokens: any TokenIssuer, complain: @escaping @Sendable (Failure) -> Void
    ) async {
        let (hasNews, world) = (hasNews, world)
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                while (try? await world.clock.sleep(for: ServerNews.pace)) != nil { hasNews.yield() }
            }
            group.addTask {
                for await _ in self.news {
                    do throws(Failure) { try await self.deliver(to: compute, tokens) } catch {
                        if !Task.isCancelled { complain(error) }
                    }
                }
            }
            await group.next()
            group.cancelAll()
        }
    }

    private struct Item: Sendable {
        let server: String
        let mark: String
        let since: Moment
    }

    /// One look at what is due, and one request for all of it.
    func deliver(to compute: Neighbour, _ tokens: any TokenIssuer) async throws(Failure) {
        let now = world.now
        let due: [Item] = try await database.read { tx in
            try tx.rows(
                "SELECT * FROM network_server_news WHERE due <= \(now) ORDER BY due, server LIMIT \(ServerNews.most)"
            ) {
                Item(server: try $0.text("server"), mark: try $0.text("mark"), since: try $0.moment("since"))
            }
        }
        guard !due.isEmpty else { return }
        let events: [JSON] = due.map { ["name": "network-changed", "server_uuid": .string($0.server)] }
        let answer = try await compute.ask(
            "POST", "/v2.1/os-server-external-events", ["events": .array(events)],
            token: try await tokens.serviceToken())
        var codes: [String: Int64] = [:]
        for event in answer.json["events"]?.array ?? [] {
            codes[event["server_uuid"]?.string ?? ""] = event["code"]?.integer
        }
        // A server that is being made is asked for again; one that isn't there needs no addresses.
        let early = due.filter { codes[$0.server] == 422 && now - $0.since < ServerNews.patience }
        let done = due.filter { item in !early.contains { $0.server == item.server } }
        let later = now + ServerNews.pace
        try await database.write { tx in
            for item in done {
                // What has changed meanwhile has another mark, and is told again.
                try tx.run("DELETE FROM network_server_news WHERE server = \(item.server) AND mark = \(item.mark)")
            }
            try tx.run("UPDATE network_server_news SET due = \(later) WHERE server IN \(.list(early.map(\.server)))")
        }
    }
}
