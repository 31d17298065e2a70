import Base
import Foundation
import HTTP
import IO
import TestServers
import Testing

/// A cloud of several processes of the program itself, on a MariaDB and a RabbitMQ of its own.
final class Site {
    private let folder: String
    private let loops = Loops(count: 1)
    private let client: HTTPClient
    private let common: String
    private var processes: [String: Process] = [:]
    /// Where the first API is.
    let gateway: Int
    private(set) var token = ""

    /// Beside the tests' own bundle.
    static var program: URL {
        let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? CommandLine.arguments[0]
        return URL(fileURLWithPath: bundle).deletingLastPathComponent().appendingPathComponent("martlet")
    }

    static let isPossible = MariaDB.isInstalled && RabbitMQ.isInstalled

    static func with(_ body: (Site) async throws -> Void) async throws {
        let broker = try await RabbitMQ.running()
        try await MariaDB.running().withDatabase { database in
            let site = try Site(database: database, bus: broker.address)
            let result: Result<Void, any Error>
            do {
                try await body(site)
                result = .success(())
            } catch {
                print(site.logs)
                result = .failure(error)
            }
            await site.end()
            try result.get()
        }
    }

    private init(database: String, bus: String) throws {
        folder = FileManager.default.temporaryDirectory.path + "/roles-\(Foundation.UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        client = HTTPClient(on: loops)
        gateway = try RabbitMQ.freePort()
        common = """
            database: '\(database)'
            bus: '\(bus)'
            gateway: http://127.0.0.1:\(gateway)
            hypervisor: simulated
            admin: {password: secret}
            network: {mechanism: simulated, node: n1}
            """
    }

    private func end() async {
        for process in processes.values {
            process.terminate()
            Wards.remove(process)
        }
        let ending = Array(processes.values)
        try? await Aside.run { for process in ending { process.waitUntilExit() } }
        await client.close()
        await loops.stop()
        try? FileManager.default.removeItem(atPath: folder)
    }

    private var logs: String {
        processes.keys.sorted().map { name in
            let text = (try? String(contentsOfFile: "\(folder)/\(name).log", encoding: .utf8)) ?? ""
            return "--- \(name)\n" + text.suffix(4_000)
        }.joined(separator: "\n")
    }

    // MARK: Processes

    /// Starts a process, or another in the place of one that was killed.
    ///
    /// - Parameter port: one that it listens on, if it does.
    func start(_ name: String, _ roles: String, port: Int? = nil) throws {
        let file = "\(folder)/\(name).yaml"
        var settings = common + "\ndata: \(folder)/\(name)\nnode: \(name)\nroles: [\(roles)]\n"
        settings += port.map { "port: \($0)\n" } ?? ""
        try settings.write(toFile: file, atomically: true, encoding: .utf8)
        let process = Process()
        process.executableURL = Site.program
        process.arguments = ["serve", "--config", file]
        process.standardInput = FileHandle.nullDevice
        let log = "\(folder)/\(name).log"
        if !FileManager.default.fileExists(atPath: log) {
            try Data().write(to: URL(filePath: log))
        }
        let output = try #require(FileHandle(forWritingAtPath: log))
        try output.seekToEnd()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        Wards.add(process)
        processes[name] = process
    }

    func kill(_ name: String) throws {
        let process = try #require(processes[name])
        Foundation.kill(process.processIdentifier, SIGKILL)
        Wards.remove(process)
        process.waitUntilExit()
        processes[name] = nil
    }

    /// The usual three: what users speak to, what decides, what a machine does.
    func startThree() async throws {
        try start("a1", "api", port: gateway)
        try await login()
        try start("c1", "conductor, scheduler")
        try start("n1", "compute-node, network-node, volume-node")
        try await until("the hypervisor is there") {
            try await ask("GET", "/compute/v2.1/os-hypervisors").json["hypervisors"]?.array?.count == 1
        }
        // Placement hears of it a moment later than compute.
        try await until("the hypervisor has something to give") {
            let providers = try await ask("GET", "/placement/resource_providers").json["resource_providers"]
            guard let id = providers?.array?.first?["uuid"]?.string else { return false }
            let path = "/placement/resource_providers/\(id)/inventories"
            return try await ask("GET", path).json["inventories"]?.object?.members.isEmpty == false
        }
        try await until("the volume node is there") {
            let services = try await ask("GET", "/volume/v3/os-services").json["services"]?.array ?? []
            return services.contains { $0["binary"] == "cinder-volume" && $0["state"] == "up" }
        }
    }

    /// Another API beside the first, with the keys of the first.
    func startSecondAPI(port: Int) async throws {
        try FileManager.default.createDirectory(atPath: "\(folder)/a2", withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: "\(folder)/a1/keys", toPath: "\(folder)/a2/keys")
        try start("a2", "api", port: port)
        try await until("the second API answers") { (try? await ask("GET", "/healthcheck", at: port).status) == 200 }
    }

    // MARK: Asking

    @discardableResult
    func ask(
        _ method: String, _ path: String, _ body: JSON? = nil, token: String? = nil, at port: Int? = nil,
        headers: HTTPHeaders = HTTPHeaders()
    ) async throws -> (status: Int, json: JSON, headers: HTTPHeaders) {
        let url = try HTTPURL("http://127.0.0.1:\(port ?? gateway)\(path)")
        var headers = headers
        headers["Host"] = url.origin.host
        headers["Content-Type"] = "application/json"
        headers["X-Auth-Token"] = token ?? self.token
        let request = HTTPRequest(method, url.target, headers: headers, body: body.map { HTTPBody($0.text) } ?? .empty)
        let reply = try await client.send(request, to: url.origin, by: .after(.seconds(60)))
        let bytes = try await reply.body.collect(limit: 1 << 24)
        return (reply.status, bytes.isEmpty ? .null : (try? JSONReader.read(bytes)) ?? .null, reply.headers)
    }

    func login() async throws {
        try await until("the API answers") {
            guard let token = try? await self.newToken() else { return false }
            self.token = token
            return true
        }
    }

    func newToken() async throws -> String {
        let domain: JSON = ["id": "default"]
        let user: JSON = ["name": "admin", "domain": domain, "password": "secret"]
        let scope: JSON = ["project": ["name": "admin", "domain": domain]]
        let identity: JSON = ["methods": ["password"], "password": ["user": user]]
        let reply = try await ask(
            "POST", "/identity/v3/auth/tokens", ["auth": ["identity": identity, "scope": scope]], token: "")
        return try #require(reply.headers["X-Subject-Token"])
    }

    /// Looks again until it is so. Machines may be slow: what never comes fails.
    func until(_ what: String, _ isSo: () async throws -> Bool) async throws {
        for _ in 0..<3_000 {
            if try await isSo() { return }
            try await Task.sleep(for: .milliseconds(100))
        }
        Issue.record("It never came to pass that \(what).")
        throw NeverCame(what: what)
    }

    private struct NeverCame: Error { let what: String }

    // MARK: Servers

    private var order: JSON?

    /// Asks for a server, from an image or from a volume made of it.
    func boot(fromVolume: Bool) async throws -> String {
        if order == nil { order = try await makeOrder() }
        var server = order?.object ?? JSON.Object()
        if fromVolume {
            server["block_device_mapping_v2"] = [
                [
                    "boot_index": 0, "uuid": server["imageRef"] ?? .null, "source_type": "image",
                    "destination_type": "volume", "volume_size": 1, "delete_on_termination": true,
                ]
            ]
            server["imageRef"] = nil
        }
        let made = try await ask("POST", "/compute/v2.1/servers", ["server": .object(server)])
        #expect(made.status == 202, "\(made.json)")
        return try #require(made.json["server"]?["id"]?.string)
    }

    private func makeOrder() async throws -> JSON {
        let wish: JSON = ["name": "disk", "disk_format": "raw", "container_format": "bare"]
        let image = try #require(try await ask("POST", "/image/v2/images", wish).json["id"]?.string)
        let url = try HTTPURL("http://127.0.0.1:\(gateway)/image/v2/images/\(image)/file")
        let headers: HTTPHeaders = [
            "Host": url.origin.host, "X-Auth-Token": token, "Content-Type": "application/octet-stream",
        ]
        let upload = HTTPRequest(
            "PUT", url.target, headers: headers, body: HTTPBody([UInt8](repeating: 7, count: 4_096)))
        #expect(try await client.send(upload, to: url.origin).status == 204)
        let flavor: JSON = ["name": "small", "id": "small", "ram": 128, "vcpus": 1, "disk": 1]
        #expect(try await ask("POST", "/compute/v2.1/flavors", ["flavor": flavor]).status == 200)
        let network = try await ask("POST", "/network/v2.0/networks", ["network": ["name": "net"]]).json["network"]
        let id = try #require(network?["id"]?.string)
        let subnet: JSON = ["network_id": .string(id), "ip_version": 4, "cidr": "10.9.0.0/24"]
        #expect(try await ask("POST", "/network/v2.0/subnets", ["subnet": subnet]).status == 201)
        return [
            "name": "server", "flavorRef": "small", "imageRef": .string(image), "networks": [["uuid": .string(id)]],
        ]
    }

    func status(of server: String) async throws -> String {
        let reply = try await ask("GET", "/compute/v2.1/servers/\(server)")
        return reply.status == 404 ? "GONE" : reply.json["server"]?["status"]?.string ?? "\(reply.status)"
    }

    /// The steps of a server's boot that are told by `martlet trace`, and who did each.
    func trace(_ server: String) async throws -> [Int: String] {
        let arguments = ["trace", server, "--view", "29", "--output", "json", "--config", "\(folder)/c1.yaml"]
        let text = try await Aside.output(of: Site.program.path, arguments).text
        let lines = (try? JSONReader.read(text))?.array ?? []
        let steps = lines.compactMap { line in
            line["number"]?.integer.map { (Int($0), line["actor"]?.string ?? "") }
        }
        return Dictionary(steps) { first, _ in first }
    }

    func expectNothingLeft() async throws {
        try await until("nothing is held in placement") {
            let providers =
                try await ask("GET", "/placement/resource_providers").json["resource_providers"]?.array ?? []
            for provider in providers {
                let id = provider["uuid"]?.string ?? ""
                let held = try await ask("GET", "/placement/resource_providers/\(id)/allocations").json["allocations"]
                if held?.object?.members.isEmpty != true { return false }
            }
            return providers.count == 1
        }
        try await until("no port is left") {
            let ports = try await ask("GET", "/network/v2.0/ports").json["ports"]?.array ?? []
            return !ports.contains { $0["device_owner"]?.string?.hasPrefix("compute:") == true }
        }
        try await until("no volume is left") {
            try await ask("GET", "/volume/v3/volumes").json["volumes"]?.array?.isEmpty == true
        }
    }
}
