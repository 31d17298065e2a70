import Base
import Foundation
import HTTP
import IO
import Testing

@testable import Cloud

/// What a cloud tells those who look after it.
@Suite struct WatchTests {
    @Test func whatWasChangedIsKeptWithWhoDidIt() async throws {
        try await RunningCloud.with { running in
            try await running.send("POST", "/identity/v3/projects", ["project": ["name": "noted"]])
            try await running.send("POST", "/identity/v3/projects", ["project": ["name": ""]])
            try await running.send("GET", "/identity/v3/projects")
            let deeds = try Care(running.cloud.settings).deeds(by: "admin", on: "/v3/projects", limit: 10)
            #expect(deeds.map(\.outcome) == ["201", "400"])
            #expect(deeds.allSatisfy { $0.action == "create" && $0.requestID.hasPrefix("req-") })
            let text = try String(contentsOfFile: running.cloud.settings.data.auditLog, encoding: .utf8)
            #expect(text.contains("authenticate"))
            for secret in ["secret", running.token] { #expect(!text.contains("\"\(secret)\"")) }
        }
    }

    @Test func figuresCountRequestsByEndpointAndAreForThisMachineOnly() async throws {
        try await RunningCloud.with { running in
            for name in ["a", "b"] { try await running.send("GET", "/identity/v3/users/\(name)") }
            let answer = await running.cloud.respond(to: HTTPRequest("GET", "/metrics"))
            let text = String(decoding: try await answer.collect(limit: 1 << 20), as: UTF8.self)
            let line =
                "martlet_requests_total{service=\"identity\",method=\"GET\",endpoint=\"/v3/users/{user_id}\",status=\"404\"} 2"
            #expect(text.contains(line))
            #expect(text.contains("process_resident_memory_bytes "))
            #expect(text.contains("martlet_database_commits_total "))
            #expect(text.contains("le=\"+Inf\"}"))
        }
    }
}
