import Base
import Foundation
import HTTP
import TestServers
import Testing

/// A cloud whose roles are processes of their own, over HTTP, RabbitMQ and MariaDB.
@Suite(.enabled(if: Site.isPossible, "needs mariadb-server and rabbitmq-server"), .serialized, .timeLimit(.minutes(20)))
struct RolesLongTests {
    @Test func serversComeAndGoAcrossProcesses() async throws {
        try await Site.with { site in
            try await site.startThree()
            for fromVolume in [false, true] {
                let server = try await site.boot(fromVolume: fromVolume)
                try await site.until("the server is there") {
                    let status = try await site.status(of: server)
                    #expect(status != "ERROR")
                    return status == "ACTIVE" || status == "ERROR"
                }
                #expect(try await site.ask("DELETE", "/compute/v2.1/servers/\(server)").status == 204)
                try await site.until("the server is gone") { try await site.status(of: server) == "GONE" }
            }
            try await site.expectNothingLeft()
        }
    }

    /// Each role is killed in the middle of boots and of deletions, and comes back.
    @Test func whoeverIsKilledWorkComesToAnEnd() async throws {
        try await Site.with { site in
            try await site.startThree()
            let roles = [
                ("n1", "compute-node, network-node, volume-node"), ("c1", "conductor, scheduler"), ("a1", "api"),
            ]
            for (name, role) in roles {
                for (fromVolume, pause) in [(false, 60), (true, 250), (false, 500)] {
                    let server = try await site.boot(fromVolume: fromVolume)
                    try await Task.sleep(for: .milliseconds(pause))
                    try await restart(name, role, site)
                    try await site.until("\(server) comes to rest after \(name) was killed") {
                        ["ACTIVE", "ERROR"].contains(try await site.status(of: server))
                    }
                    #expect(try await site.ask("DELETE", "/compute/v2.1/servers/\(server)").status == 204)
                    try await Task.sleep(for: .milliseconds(pause / 2))
                    try await restart(name, role, site)
                    try await site.until("\(server) goes after \(name) was killed") {
                        try await site.status(of: server) == "GONE"
                    }
                }
            }
            try await site.expectNothingLeft()
        }
    }

    /// Every step is told by the process in which it happened, and kept where the database is.
    @Test func aBootIsToldWhole() async throws {
        try await Site.with { site in
            try await site.startThree()
            for fromVolume in [false, true] {
                let server = try await site.boot(fromVolume: fromVolume)
                try await site.until("the server is there") { try await site.status(of: server) == "ACTIVE" }
                // Without a volume of its own the steps 26 to 28 are none of a boot, and with one 20 to 22 are none.
                let wanted = Array(3...19) + (fromVolume ? [] : [20, 21, 22]) + [23, 24, 25]
                let volumes = fromVolume ? [26, 27, 28] : []
                let all = Set(wanted + volumes + [29])
                var told: [Int: String] = [:]
                try await site.until("all of it is told") {
                    told = try await site.trace(server)
                    return all.isSubset(of: told.keys) || Task.isCancelled
                }
                #expect(Set(told.keys).subtracting([1, 2]) == all)
                // What the host asks for it tells itself, and each whom it asks that identity checks the token.
                for number in [13, 23] + volumes.filter({ $0 != 27 }) + (fromVolume ? [] : [20]) {
                    #expect(told[number] == "compute-node", "step \(number)")
                }
                for number in [24, fromVolume ? 27 : 21] { #expect(told[number] == "identity", "step \(number)") }
            }
        }
    }

    private func restart(_ name: String, _ role: String, _ site: Site) async throws {
        try site.kill(name)
        try site.start(name, role, port: name == "a1" ? site.gateway : nil)
        if name == "a1" { try await site.login() }
    }

    /// A conductor that doesn't come back leaves its work to the other.
    @Test func aConductorTakesOverWhatAnotherLeft() async throws {
        try await Site.with { site in
            try await site.startThree()
            try site.start("c2", "conductor, scheduler")
            var servers: [String] = []
            for _ in 0..<6 { servers.append(try await site.boot(fromVolume: false)) }
            try site.kill("c1")
            for server in servers {
                try await site.until("\(server) comes to rest") {
                    ["ACTIVE", "ERROR"].contains(try await site.status(of: server))
                }
                #expect(try await site.ask("DELETE", "/compute/v2.1/servers/\(server)").status == 204)
                try await site.until("\(server) is gone") { try await site.status(of: server) == "GONE" }
            }
            try await site.expectNothingLeft()
        }
    }

    /// What one API revokes, another refuses when it has looked again, which it does twice a second.
    @Test func aRevocationIsSeenByEveryAPI() async throws {
        try await Site.with { site in
            try site.start("a1", "api", port: site.gateway)
            try await site.login()
            let port = try RabbitMQ.freePort()
            try await site.startSecondAPI(port: port)
            let token = try await site.newToken()
            #expect(try await site.ask("GET", "/identity/v3/projects", token: token, at: port).status == 200)
            let revoked = try await site.ask(
                "DELETE", "/identity/v3/auth/tokens", headers: ["X-Subject-Token": token])
            #expect(revoked.status == 204)
            try await site.until("the second API refuses the token") {
                try await site.ask("GET", "/identity/v3/projects", token: token, at: port).status == 401
            }
        }
    }
}
