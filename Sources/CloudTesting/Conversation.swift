package import API
package import Base
package import HTTP
import Policy
import Trace

/// Talks to services as a client does, through the same door, without a socket.
///
///     let talk = try Conversation([identity.api])
///     let made = await talk.post("/identity/v3/regions", ["region": ["id": "north"]], as: .admin)
///     #expect(made.status == 201)
///     #expect(made["region"]?["id"] == "north")
package struct Conversation: Sendable {
    package let door: Door

    package init(
        _ services: [ServiceAPI], authenticator: (any Authenticator)? = nil,
        world: World = World()
    ) throws(Failure) {
        door = try Door(
            services, gateway: nil, authenticator: authenticator ?? PersonaAuthenticator(), world: world, log: .silent)
    }

    package func send(
        _ method: String, _ target: String, _ body: JSON? = nil, token: String? = nil,
        headers: HTTPHeaders = HTTPHeaders()
    ) async -> Answer {
        var headers = headers
        headers.append("Host", "cloud.test")
        if let token { headers.append("X-Auth-Token", token) }
        if body != nil, !headers.contains("Content-Type") { headers.append("Content-Type", "application/json") }
        let request = HTTPRequest(method, target, headers: headers, body: body.map { HTTPBody($0.text) } ?? .empty)
        let response = await door.respond(to: request)
        let bytes = (try? await response.collect(limit: 64 << 20)) ?? []
        return Answer(status: response.status, headers: response.headers, bytes: bytes)
    }

    package func get(_ target: String, as persona: Persona?, headers: HTTPHeaders = HTTPHeaders()) async -> Answer {
        await send("GET", target, token: persona?.token, headers: headers)
    }

    package func post(
        _ target: String, _ body: JSON?, as persona: Persona?, headers: HTTPHeaders = HTTPHeaders()
    ) async -> Answer {
        await send("POST", target, body, token: persona?.token, headers: headers)
    }

    package func put(
        _ target: String, _ body: JSON? = nil, as persona: Persona?, headers: HTTPHeaders = HTTPHeaders()
    ) async -> Answer {
        await send("PUT", target, body, token: persona?.token, headers: headers)
    }

    package func patch(
        _ target: String, _ body: JSON, as persona: Persona?, headers: HTTPHeaders = HTTPHeaders()
    ) async -> Answer {
        await send("PATCH", target, body, token: persona?.token, headers: headers)
    }

    package func delete(_ target: String, as persona: Persona?, headers: HTTPHeaders = HTTPHeaders()) async -> Answer {
        await send("DELETE", target, token: persona?.token, headers: headers)
    }
}

/// What came back.
package struct Answer: Sendable {
    package let status: Int
    package let headers: HTTPHeaders
    package let bytes: [UInt8]

    package init(status: Int, headers: HTTPHeaders, bytes: [UInt8]) {
        self.status = status
        self.headers = headers
        self.bytes = bytes
    }

    package var json: JSON { (try? JSONReader.read(bytes)) ?? .null }

    package subscript(name: String) -> JSON? { json[name] }

    package var text: String { String(decoding: bytes, as: UTF8.self) }
}
