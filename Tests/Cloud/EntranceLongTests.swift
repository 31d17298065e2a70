import Base
import Foundation
import IO
import TestServers
import Testing
import Trace

@testable import Cloud

/// Where a cloud listens, and what it shows there, as a client sees it that isn't ours.
@Suite struct EntranceLongTests {
    @Test func aCloudWithACertificateIsHTTPSEverywhere() async throws {
        try await withCloud { settings in
            settings.listen = [.host("127.0.0.1"), .host("::1")]
        } _: { cloud, folder in
            let port = try #require(cloud.settings.port)
            let authority = folder + "/tls.crt"
            for host in ["127.0.0.1", "[::1]"] {
                let answer = try await curl("https://\(host):\(port)/identity/v3", "--cacert", authority)
                #expect(answer.contains("https://\(host):\(port)/identity/v3"), "links are as one came")
            }
            #expect(try await curl("https://127.0.0.1:\(port)/identity/v3").isEmpty, "nobody vouches for it")
            #expect(try await curl("http://127.0.0.1:\(port)/identity/v3").isEmpty, "it doesn't speak in the clear")

            let clouds = try String(contentsOfFile: cloud.settings.data.path + "/clouds.yaml", encoding: .utf8)
            #expect(clouds.contains("auth_url: https://127.0.0.1:\(port)/identity/v3"))
            #expect(clouds.contains("cacert: \(authority)"))
            let openrc = try String(contentsOfFile: cloud.settings.data.path + "/openrc", encoding: .utf8)
            #expect(openrc.contains("export OS_CACERT=\(authority)"))
            let wrong = try await Care(cloud.settings).status().filter { !$0.isGood }
            #expect(wrong.isEmpty, "our own commands trust it, too")
        }
    }

    @Test func aConsoleIsShownAndSpokenToOverTLS() async throws {
        try await withCloud { settings in
            settings.adminPassword = "secret"
        } _: { cloud, folder in
            let running = RunningCloud(cloud: cloud, token: try await RunningCloud.login(cloud))
            let id = try await Ordered(running).boot()
            let port = try #require(cloud.settings.port)
            let answer = try await curl(
                "https://127.0.0.1:\(port)/compute/v2.1/servers/\(id)/remote-consoles", "--cacert",
                folder + "/tls.crt", "--header", "X-Auth-Token: \(running.token)", "--header",
                "Content-Type: application/json", "--header", "OpenStack-API-Version: compute 2.8", "--data",
                "{\"remote_console\": {\"protocol\": \"vnc\", \"type\": \"novnc\"}}")
            let made = try JSONReader.read(Array(answer.utf8))
            let url = try #require(made["remote_console"]?["url"]?.string)
            #expect(url.hasPrefix("https://127.0.0.1:\(port)/console/vnc_lite.html?path="))
            let page = try await curl(url, "--cacert", folder + "/tls.crt")
            #expect(page.contains("wss"), "whoever came by https goes on encrypted")

            let talk = try #require(url.components(separatedBy: "path=").last?.removingPercentEncoding)
            let upgrade =
                "GET /\(talk) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nOrigin: https://127.0.0.1:\(port)\r\n"
                + "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                + "Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\nSec-WebSocket-Protocol: binary\r\n\r\n"
            let loops = Loops(count: 1)
            let trust = try TLSTrust(authorities: folder + "/tls.crt")
            // What a screen says first when it is there; whoever comes a second time is turned away, without a word that
            // could be taken for a screen's.
            for (status, ending) in [("101", "RFB 003.008\n"), ("403", "\r\n\r\n")] {
                let stream = try await IO.Stream.connect(to: .tcp(host: "127.0.0.1", port: port), on: loops)
                try await stream.secure(to: "127.0.0.1", trusting: trust)
                try await stream.write(Array(upgrade.utf8))
                var answer: [UInt8] = []
                while !String(decoding: answer, as: UTF8.self).hasSuffix(ending) {
                    answer += try #require(try await stream.read(by: .after(.seconds(120))))
                }
                #expect(String(decoding: answer, as: UTF8.self).hasPrefix("HTTP/1.1 \(status) "))
                await stream.close()
            }
            await loops.stop()
        }
    }

    @Test func aRenewedCertificateIsShownAndOneThatIsNoGoodIsNot() async throws {
        try await withCloud { _ in
        } _: { cloud, folder in
            let port = try #require(cloud.settings.port)
            let first = try await shown(port)
            try Data("nonsense".utf8).write(to: URL(filePath: folder + "/tls.crt"))
            try await Task.sleep(for: .seconds(6))
            #expect(try await shown(port) == first)
            try await certify(folder)
            var now = first
            while now == first || now.isEmpty {
                try await Task.sleep(for: .milliseconds(200))
                now = try await shown(port)
            }
        }
    }

    @Test func aSocketOfTheFileSystemIsAGateway() async throws {
        let socket = "/tmp/martlet-\(Foundation.UUID().uuidString).sock"
        try await withCloud { settings in
            settings.certificate = nil
            settings.authority = nil
            settings.listen = [.socket(path: socket)]
            settings.gatewayAddress = "https://cloud.example/api"
        } _: { cloud, _ in
            let answer = try await curl("http://cloud.example/identity/v3", "--unix-socket", socket)
            #expect(answer.contains("\"v3."))
            #expect(try await curl("http://cloud.example/metrics", "--unix-socket", socket).contains("martlet_"))
            let clouds = try String(contentsOfFile: cloud.settings.data.path + "/clouds.yaml", encoding: .utf8)
            #expect(clouds.contains("auth_url: https://cloud.example/api/identity/v3"))
        }
        #expect(!FileManager.default.fileExists(atPath: socket))
    }

    @Test(arguments: [
        ("127.0.0.1", Entrance.host("127.0.0.1")), ("::", .host("::")), ("[::1]", .host("::1")),
        ("unix:/run/martlet.sock", .socket(path: "/run/martlet.sock")),
    ]) func placesAreRead(text: String, place: Entrance) throws {
        #expect(try Entrance(text) == place)
    }

    @Test(arguments: ["", "localhost", "127.0.0.1:80", "unix:", "unix:run", "::g"]) func othersAreRefused(text: String)
    {
        #expect(throws: Failure.self) { try Entrance(text) }
    }

    @Test func aCertificateNeedsItsKey() throws {
        var settings = CloudSettings()
        #expect(throws: Failure.self) { try settings.take(certificate: "/tls.crt", key: nil) }
        #expect(throws: Failure.self) { try settings.take(certificate: nil, key: "/tls.key") }
    }

    /// What the server refuses before a handler sees it has the shape of the service that was asked.
    @Test func whatIsTooLongIsRefusedInTheServicesWords() async throws {
        try await withCloud { settings in
            settings.certificate = nil
            settings.authority = nil
        } _: { cloud, _ in
            let base = "http://127.0.0.1:\(try #require(cloud.settings.port))"
            let long = String(repeating: "x", count: 20_000)
            let compute = try await curl("\(base)/compute/v2.1/servers?name=\(long)", "--include")
            #expect(compute.hasPrefix("HTTP/1.1 414 "))
            #expect(compute.lowercased().contains("x-openstack-request-id: req-"))
            #expect(compute.contains("{\"computeFault\":{\"code\":414,"))
            let cookie = ["--header", "X-A: \(long)", "--header", "X-B: \(long)", "--header", "X-C: \(long)"]
            let more = ["--header", "X-D: \(long)", "--header", "X-E: \(long)"]
            let identity = try await curl(["\(base)/identity/v3", "--include"] + cookie + more)
            #expect(identity.hasPrefix("HTTP/1.1 431 "))
            #expect(identity.contains("{\"error\":{"))
            let nobody = try await curl("\(base)/\(long)", "--include")
            #expect(nobody.hasPrefix("HTTP/1.1 414 ") && nobody.contains("text/plain"))
        }
    }

    @Test func pagesOfSitesThatAreNamedMayUseItAndOthersMayNot() async throws {
        try await withCloud { settings in
            settings.certificate = nil
            settings.authority = nil
            settings.origins = ["https://dashboard.example"]
        } _: { cloud, _ in
            let url = "http://127.0.0.1:\(try #require(cloud.settings.port))/identity/v3/projects"
            for (origin, isAdmitted) in [("https://dashboard.example", true), ("https://other.example", false)] {
                let asked = try await curl(
                    url, "--include", "--request", "OPTIONS", "--header", "Origin: \(origin)", "--header",
                    "Access-Control-Request-Method: GET")
                #expect(asked.hasPrefix("HTTP/1.1 200 ") == isAdmitted)
                #expect(asked.contains("Access-Control-Allow-Headers:") == isAdmitted)
                let read = try await curl(url, "--include", "--header", "Origin: \(origin)")
                #expect(read.hasPrefix("HTTP/1.1 401 "))
                #expect(read.contains("Access-Control-Allow-Origin: \(origin)") == isAdmitted)
            }
        }
    }

    // MARK: A cloud on a port of its own

    private func withCloud(
        _ change: (inout CloudSettings) -> Void, _ body: (Cloud, _ folder: String) async throws -> Void
    ) async throws {
        let folder = "/tmp/martlet-\(Foundation.UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try await certify(folder)
        var settings = CloudSettings(data: DataDirectory(folder + "/data"))
        settings.port = try RabbitMQ.freePort()
        settings.hypervisor = .simulated
        settings.certificate = Certificate(certificates: folder + "/tls.crt", key: folder + "/tls.key")
        settings.authority = folder + "/tls.crt"
        change(&settings)
        try settings.data.take()
        let cloud = try await Cloud(settings, log: .silent)
        try await cloud.prepare()
        let (ready, tell) = AsyncStream.makeStream(of: Void.self)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await cloud.run { _ in tell.finish() } }
            for await _ in ready {}
            try await body(cloud, folder)
            group.cancelAll()
            while let result = await group.nextResult() { _ = result }
        }
    }

    private func certify(_ folder: String) async throws {
        let made = try await Aside.output(
            of:
                "/usr/bin/openssl",
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                "-keyout", folder + "/tls.key", "-out", folder + "/tls.crt", "-subj", "/CN=localhost", "-addext",
                "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1",
            ])
        #expect(made.status == 0)
    }

    /// The certificate that is shown on a port.
    private func shown(_ port: Int) async throws -> String {
        let script =
            "openssl s_client -connect 127.0.0.1:\(port) </dev/null 2>/dev/null | openssl x509 -fingerprint -noout"
        return try await Aside.output(of: "/bin/sh", ["-c", script]).text
    }

    private func curl(_ arguments: String...) async throws -> String { try await curl(arguments) }

    /// Nothing where nothing was answered.
    private func curl(_ arguments: [String]) async throws -> String {
        try await Aside.output(of: "/usr/bin/curl", ["--silent", "--globoff", "--max-time", "60"] + arguments).text
    }
}
