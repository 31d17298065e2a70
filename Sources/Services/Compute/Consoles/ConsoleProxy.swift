package import API
package import Base
package import Bus
import Contracts
import HTTP
package import IO
package import SQL

/// Carries consoles to browsers: a WebSocket on one side, the guest's socket on its host on the other.
///
/// It serves the pages of noVNC where they are installed, and asks nothing of a visitor but the ticket that compute gave.
package struct ConsoleProxy: Sendable {
    let database: Database
    let world: World
    let bus: any Bus
    let loops: Loops
    /// Where Debian puts noVNC.
    let pages: String

    package init(
        database: Database, world: World, bus: any Bus, loops: Loops, pages: String = "/usr/share/novnc"
    ) {
        self.database = database
        self.world = world
        self.bus = bus
        self.loops = loops
        self.pages = pages
    }

    package var api: ServiceAPI {
        ServiceAPI(
            "console", port: 6080, versions: VersionRange("1.0", to: "1.0", header: "console"), dialect: .compute,
            service: self, bases: [""], roots: [], endpoints: ConsoleProxy.endpoints)
    }

    /// Pages lie no deeper than this.
    private static let deepest = 6

    static let endpoints: [Endpoint<ConsoleProxy>] =
        [
            Endpoint(
                "GET", "/websockify", "Talk to a console", access: .open, query: [Parameter("token")], talk)
        ]
        + (1...deepest).map { depth in
            Endpoint(
                "GET", (1...depth).map { "/{part\($0)}" }.joined(), "Get a page of the console", access: .open, page)
        }

    // MARK: Pages

    private static func page(_ call: Call<ConsoleProxy>) async throws(Failure) -> Reply {
        let parts = (1...deepest).map { call["part\($0)"] }.filter { !$0.isEmpty }
        let missing = Failure(.notFound, "There is no such page. Consoles are shown by noVNC, Debian's package novnc.")
        guard let last = parts.last, !parts.contains(where: { $0.hasPrefix(".") || $0.contains("/") }) else {
            throw missing
        }
        let file: FileSlice
        do throws(Failure) {
            file = try FileSlice(path: call.service.pages + "/" + parts.joined(separator: "/"))
        } catch {
            guard parts == [ConsoleAddress.page] else { throw missing }
            return Reply(
                200, headers: ["Content-Type": types["html"] ?? ""], body: .bytes(Array(Viewer.page.utf8)))
        }
        let ending = last.split(separator: ".").last.map(String.init) ?? ""
        return Reply(200, headers: ["Content-Type": types[ending] ?? "application/octet-stream"], body: .file(file))
    }

    private static let types = [
        "html": "text/html; charset=utf-8", "js": "text/javascript", "css": "text/css", "svg": "image/svg+xml",
        "png": "image/png", "json": "application/json", "woff": "font/woff", "ico": "image/x-icon", "oga": "audio/ogg",
        "mp3": "audio/mpeg", "ttf": "font/ttf",
    ]

    // MARK: Talking

    private static func talk(_ call: Call<ConsoleProxy>) async throws(Failure) -> Reply {
        let service = call.service
        let (secret, now) = (call.query["token"] ?? "", service.world.now)
        let ticket = try await service.database.write { tx -> ConsoleTicket? in
            guard let ticket = try tx.consoleTicket(secret, at: now), try tx.spend(ticket, at: now) else { return nil }
            return ticket
        }
        guard let ticket else {
            // Whoever has begun to talk to a console would take a sentence for what the guest says.
            let isTalking = call.request.headers["upgrade"]?.lowercased() == "websocket"
            guard !isTalking else { return Reply(403, headers: ["Connection": "close"]) }
            return .json(403, headers: ["Connection": "close"]) { json in
                json.object("forbidden") {
                    $0.put("code", 403)
                    $0.put("message", "This console's token is used up, out of time, or none at all.")
                }
            }
        }
        let request = ScreenRequest(server: ticket.server.text, isSerial: ticket.kind == .serial)
        let place = try await service.bus.call(
            ComputeMessages.screen, on: ticket.host, request, deadline: .seconds(30))
        let protocols = call.request.headers["sec-websocket-protocol"] ?? ""
        let subprotocol = protocols.contains("binary") ? "binary" : nil
        guard let socket = place["socket"]?.string else {
            let name = place["name"]?.string ?? ""
            return Reply(
                101, body: .webSocket(subprotocol: subprotocol) { await BlankScreen(name: name).show(on: $0) })
        }
        let stream = try await Stream.connect(to: .unix(path: socket), on: service.loops)
        return Reply(101, body: .webSocket(subprotocol: subprotocol) { await carry($0, stream) })
    }

    /// Both ways until either side ends.
    private static func carry(_ visitor: WebSocket, _ guest: Stream) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                while let message = try? await visitor.receive() {
                    switch message {
                    case .binary(let bytes): guard (try? await guest.write(bytes)) != nil else { return }
                    case .text(let text): guard (try? await guest.write(Array(text.utf8))) != nil else { return }
                    }
                }
            }
            group.addTask {
                while let bytes = try? await guest.read() {
                    guard (try? await visitor.send(.binary(bytes))) != nil else { return }
                }
            }
            await group.next()
            await visitor.close()
            await guest.close()
            group.cancelAll()
        }
    }
}
