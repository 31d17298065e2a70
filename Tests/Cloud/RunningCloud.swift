import Base
import Foundation
import HTTP
import Testing
import Trace
import Workflow

@testable import Cloud

/// A whole cloud in the test's process, with a simulated node, in a folder of its own.
struct RunningCloud {
    let cloud: Cloud
    let token: String

    /// Where clouds keep their tables; in a file of their own unless something else is said.
    @TaskLocal static var database: String?

    /// Runs `body` with a cloud that is up, and takes it down again.
    static func with(
        nodes: Int = 1, fault: @escaping WorkflowRunner.Fault = { _, _ in }, _ body: (RunningCloud) async throws -> Void
    ) async throws {
        let folder = FileManager.default.temporaryDirectory.path + "/martlet-\(Foundation.UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var settings = CloudSettings(data: DataDirectory(folder))
        settings.port = 0
        settings.database = database
        settings.adminPassword = "secret"
        settings.hypervisor = .simulated
        settings.nodes = nodes
        try settings.data.take()
        let cloud = try await Cloud(settings, on: .failing(fault), log: .silent)
        try await cloud.prepare()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await cloud.run { _ in } }
            let token = try await RunningCloud.login(cloud)
            try await body(RunningCloud(cloud: cloud, token: token))
            group.cancelAll()
            while let result = await group.nextResult() { _ = result }
        }
    }

    static func login(_ cloud: Cloud) async throws -> String {
        let domain: JSON = ["id": "default"]
        let user: JSON = ["name": "admin", "domain": domain, "password": "secret"]
        let body: JSON = [
            "auth": [
                "identity": ["methods": ["password"], "password": ["user": user]],
                "scope": ["project": ["name": "admin", "domain": domain]],
            ]
        ]
        let response = await cloud.respond(
            to: HTTPRequest("POST", "/identity/v3/auth/tokens", body: HTTPBody(body.text)))
        return try #require(response.headers["X-Subject-Token"])
    }

    @discardableResult
    func send(
        _ method: String, _ target: String, _ body: JSON? = nil, bytes: [UInt8]? = nil, version: String = "2.1"
    ) async throws -> (status: Int, json: JSON) {
        var headers: HTTPHeaders = ["X-Auth-Token": token, "OpenStack-API-Version": "compute \(version)"]
        headers.append("Content-Type", bytes == nil ? "application/json" : "application/octet-stream")
        let content = bytes.map { HTTPBody($0) } ?? body.map { HTTPBody($0.text) } ?? .empty
        let response = await cloud.respond(to: HTTPRequest(method, target, headers: headers, body: content))
        let answer = try await response.collect(limit: 1 << 24)
        return (response.status, answer.isEmpty ? .null : (try? JSONReader.read(answer)) ?? .null)
    }

    /// Asks again until the answer is as it should be; an answer that never comes fails the test.
    func wait(
        for target: String, version: String = "2.1", until isThere: (Int, JSON) -> Bool
    ) async throws -> JSON {
        for _ in 0..<2_400 {
            let (status, json) = try await send("GET", target, version: version)
            if isThere(status, json) { return json }
            try await Task.sleep(for: .milliseconds(50))
        }
        Issue.record("\(target) did not become what it should be")
        return .null
    }
}
