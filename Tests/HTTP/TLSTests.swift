import Base
import Foundation
import HTTP
import IO
import Testing

/// A certificate that signs itself, in files that go when it goes.
final class SelfMadeCertificate {
    let directory: String
    var certificate: String { directory + "/tls.crt" }
    var key: String { directory + "/tls.key" }

    init() throws {
        directory = "/tmp/martlet-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        try make(name: "localhost")
    }

    func make(name: String) throws {
        let openssl = Process()
        openssl.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        openssl.arguments = [
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-keyout", key, "-out", certificate, "-subj", "/CN=\(name)", "-addext",
            "subjectAltName=DNS:\(name),IP:127.0.0.1",
        ]
        openssl.standardError = FileHandle.nullDevice
        try openssl.run()
        openssl.waitUntilExit()
        #expect(openssl.terminationStatus == 0)
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }
}

func withTLSServer(
    _ certificate: SelfMadeCertificate, handler: @escaping HTTPServer.Handler,
    _ body: (Client, TLSIdentity) async throws -> Void
) async throws {
    let identity = try TLSIdentity(certificates: certificate.certificate, key: certificate.key)
    let listen = HTTPServer.Listen(.tcp(host: "127.0.0.1", port: 0), tls: identity)
    try await withServer(listen, handler: handler) { client in try await body(client, identity) }
}

@Suite struct TLSTests {
    func connect(_ client: Client, _ certificate: SelfMadeCertificate, name: String = "localhost") async throws -> Wire
    {
        let wire = try await client.connect()
        do {
            let trust = try TLSTrust(authorities: certificate.certificate)
            try await wire.stream.secure(to: name, trusting: trust, by: .after(.seconds(120)))
        } catch {
            await wire.stream.close()
            throw error
        }
        return wire
    }

    @Test(arguments: ["localhost", "127.0.0.1"]) func requestsAreAnsweredOverTLS(name: String) async throws {
        let certificate = try SelfMadeCertificate()
        let handler: HTTPServer.Handler = { request in
            HTTPResponse(200, headers: ["X-Scheme": request.scheme], body: .bytes(Array("secret".utf8)))
        }
        try await withTLSServer(certificate, handler: handler) { client, _ in
            let wire = try await connect(client, certificate, name: name)
            for _ in 0..<3 {
                try await wire.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(try await wire.head().header("X-Scheme") == "https")
                #expect(try await wire.text(6) == "secret")
            }
            await wire.stream.close()
        }
    }

    @Test func largeBodiesGoBothWays() async throws {
        let certificate = try SelfMadeCertificate()
        let size = 3_000_000
        let content = SeededChance(seed: 5).bytes(size)
        let path = certificate.directory + "/file"
        try write(content, to: path)
        let handler: HTTPServer.Handler = { request in
            if request.method == "GET" {
                return (try? FileSlice(path: path)).map { HTTPResponse(200, body: .file($0)) } ?? HTTPResponse(404)
            }
            if request.method == "POST" {
                let block = Block(size: size)
                while (try? await request.body.fill(block)) == true {}
                return HTTPResponse(200, body: .bytes(Array(block.bytes)))
            }
            guard let body = try? await request.body.collect(limit: size) else { return HTTPResponse(400) }
            return HTTPResponse(200, body: .bytes(body))
        }
        try await withTLSServer(certificate, handler: handler) { client, _ in
            let wire = try await connect(client, certificate)
            try await wire.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            _ = try await wire.head()
            #expect(try await wire.bytes(size) == content)
            for method in ["PUT", "POST"] {
                try await wire.send("\(method) / HTTP/1.1\r\nHost: a\r\nContent-Length: \(size)\r\n\r\n")
                try await wire.stream.write(content)
                _ = try await wire.head()
                #expect(try await wire.bytes(size) == content)
            }
            await wire.stream.close()
        }
    }

    @Test func aServerThatIsNotTheOneAskedForIsRefused() async throws {
        let certificate = try SelfMadeCertificate()
        let other = try SelfMadeCertificate()
        try await withTLSServer(certificate, handler: ServerTests.hello) { client, _ in
            await #expect(throws: Failure.self) {
                _ = try await connect(client, certificate, name: "elsewhere.example")
            }
            let failure = await #expect(throws: Failure.self) { _ = try await connect(client, other) }
            #expect(failure?.message.contains("certificate verify failed") == true)
        }
    }

    @Test func aRenewedCertificateIsShownWithoutARestart() async throws {
        let certificate = try SelfMadeCertificate()
        try await withTLSServer(certificate, handler: ServerTests.hello) { client, identity in
            let before = try await connect(client, certificate)
            try certificate.make(name: "renewed.example")
            try identity.reload()
            let after = try await connect(client, certificate, name: "renewed.example")
            for wire in [before, after] {
                try await wire.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(try await wire.head().hasPrefix("HTTP/1.1 200 "))
                await wire.stream.close()
            }
            try write(Array("nonsense".utf8), to: certificate.certificate)
            #expect(throws: Failure.self) { try identity.reload() }
            try certificate.make(name: "localhost")
        }
    }

    @Test func whoSpeaksNoTLSIsHungUpOn() async throws {
        let certificate = try SelfMadeCertificate()
        try await withTLSServer(certificate, handler: ServerTests.hello) { client, _ in
            let answer = try await client.talk("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(!answer.contains("200"))
        }
    }
}
