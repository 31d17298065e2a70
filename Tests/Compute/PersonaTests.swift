import API
import Base
import CloudTesting
import HTTP
import Policy
import Testing

@testable import Compute

/// Every endpoint as everybody: what the list of endpoints promises holds for each of its entries.
@Suite struct PersonaTests {
    @Test(arguments: Persona.all.map(\.token)) func nobodyMeetsAnErrorOfOurs(token: String) async throws {
        let talk = try await ComputeTalk()
        for version in ["2.1", "2.35", "2.60", "2.104"] {
            for entry in talk.service.api.endpoints {
                let answer = await talk.talk.send(
                    entry.method, entry.target, entry.example, token: token,
                    headers: ["OpenStack-API-Version": "compute \(version)"])
                // What no hypervisor of ours can do is said so.
                #expect(
                    answer.status < 500 || answer.status == 501,
                    "\(entry.label) at \(version) as \(token): \(answer.status) \(answer.text)")
            }
        }
    }

    @Test func withoutATokenThereAreOnlyVersions() async throws {
        let talk = try await ComputeTalk()
        for entry in talk.service.api.endpoints {
            if case .open = entry.access { continue }
            let answer = await talk.talk.send(
                entry.method, entry.target, entry.example, headers: ["OpenStack-API-Version": "compute 2.35"])
            #expect(
                answer.status == 401 || [404, 405].contains(answer.status) && entry.since != nil,
                "\(entry.label): \(answer.status), though no token was shown")
        }
    }

    @Test(arguments: [Persona.nobody, .reader, .member, .manager, .stranger].map(\.token))
    func whatIsForAdministratorsIsForNobodyElse(token: String) async throws {
        let talk = try await ComputeTalk()
        for entry in talk.service.api.endpoints {
            guard case .rule(let rule) = entry.access, rule.check == May.admin else { continue }
            let version = entry.until ?? "2.104"
            let answer = await talk.talk.send(
                entry.method, entry.target, entry.example, token: token,
                headers: ["OpenStack-API-Version": "compute \(version)"])
            #expect(answer.status == 403, "\(entry.label) as \(token): \(answer.status)")
        }
    }

    @Test func aProjectsServersAreNobodyElses() async throws {
        let talk = try await ComputeTalk()
        let id = try await talk.server("secret", of: .member)
        for entry in talk.service.api.endpoints where entry.path.contains("{server_id}") {
            if case .authenticated = entry.access { continue }
            let version = entry.until ?? "2.104"
            let target = entry.target.replacing("/servers/absent", with: "/servers/\(id)")
            let answer = await talk.talk.send(
                entry.method, target, entry.example, token: Persona.stranger.token,
                headers: ["OpenStack-API-Version": "compute \(version)"])
            #expect([400, 403, 404].contains(answer.status), "\(entry.label): \(answer.status)")
            #expect(!answer.text.contains("secret"), "\(entry.label): \(answer.text)")
        }
    }
}

extension ServiceAPI.Entry {
    fileprivate var label: String { "\(method) \(path)" }

    fileprivate var example: JSON? { if case .json(let shape, _) = body { shape.example } else { nil } }

    fileprivate var target: String {
        "/compute/"
            + path.split(separator: "/").map { $0.hasPrefix("{") ? "absent" : String($0) }.joined(separator: "/")
    }
}
