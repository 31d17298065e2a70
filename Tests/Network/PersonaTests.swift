import API
import Base
import CloudTesting
import Testing

@testable import Network

/// Every endpoint, tried as everybody: what the list of endpoints promises holds for each of its entries.
@Suite struct PersonaTests {
    @Test(arguments: Persona.all.map(\.token)) func nothingIsABugWhoeverAsks(token: String) async throws {
        let talk = try await NetworkTalk()
        for endpoint in talk.service.api.endpoints {
            let path = endpoint.path.split(separator: "/").map { $0.first == "{" ? "x" : String($0) }
            let body: JSON? = endpoint.method == "GET" || endpoint.method == "DELETE" ? nil : [:]
            let answer = await talk.talk.send(
                endpoint.method, "/network/" + path.joined(separator: "/"), body, token: token)
            #expect(answer.status < 500, "\(endpoint.method) \(endpoint.path) as \(token): \(answer.text)")
        }
    }

    @Test func nothingButTheDirectoryIsForThoseWithoutAToken() async throws {
        let talk = try await NetworkTalk()
        for endpoint in talk.service.api.endpoints {
            if case .open = endpoint.access { continue }
            let path = endpoint.path.split(separator: "/").map { $0.first == "{" ? "x" : String($0) }
            let answer = await talk.talk.send(endpoint.method, "/network/" + path.joined(separator: "/"), token: nil)
            #expect(answer.status == 401, "\(endpoint.method) \(endpoint.path)")
        }
    }

    @Test func whoHasNoRoleSeesNothing() async throws {
        let talk = try await NetworkTalk()
        _ = await talk.network()
        for resource in Network.resources {
            let answer = await talk.get(resource.path, as: .nobody)
            #expect(answer[resource.many]?.array?.count == 0, "\(resource.path)")
        }
    }

    /// A project's own things, by the paths of their lists.
    private func possessions(_ talk: NetworkTalk) async -> [(path: String, many: String, id: String)] {
        let network = await talk.network("mine")
        let subnet = await talk.subnet(on: network, "10.9.0.0/24")["id"]?.string ?? ""
        let port = await talk.port(on: network)["port"]?["id"]?.string ?? ""
        var found = [("/networks", "networks", network), ("/subnets", "subnets", subnet), ("/ports", "ports", port)]
        let wishes: [(path: String, many: String, one: String, wish: JSON)] = [
            ("/routers", "routers", "router", ["name": "mine"]),
            ("/security-groups", "security_groups", "security_group", ["name": "mine"]),
            ("/subnetpools", "subnetpools", "subnetpool", ["name": "mine", "prefixes": ["10.8.0.0/16"]]),
            ("/address-scopes", "address_scopes", "address_scope", ["name": "mine", "ip_version": 4]),
            ("/address-groups", "address_groups", "address_group", ["name": "mine", "addresses": ["10.7.0.0/16"]]),
            ("/trunks", "trunks", "trunk", ["name": "mine", "port_id": .string(port)]),
        ]
        for wish in wishes {
            let made = await talk.make(wish.one, at: wish.path, wish.wish)
            found.append((wish.path, wish.many, made["id"]?.string ?? ""))
        }
        return found.map { (path: $0.0, many: $0.1, id: $0.2) }
    }

    @Test func strangersNeitherSeeNorChangeWhatIsAProjects() async throws {
        let talk = try await NetworkTalk()
        for (path, many, id) in await possessions(talk) {
            #expect(!id.isEmpty, "\(path) was not made")
            #expect(await !talk.get(path, as: .stranger).text.contains(id), "\(path) shows a stranger \(id)")
            for endpoint in talk.service.api.endpoints where endpoint.path.hasPrefix("/v2.0\(path)/{") {
                let rest = endpoint.path.dropFirst("/v2.0\(path)/".count).split(separator: "/").dropFirst()
                let target = ["/network/v2.0\(path)/\(id)"] + rest.map { $0.first == "{" ? "x" : String($0) }
                let body: JSON? = endpoint.method == "GET" || endpoint.method == "DELETE" ? nil : [:]
                let answer = await talk.talk.send(
                    endpoint.method, target.joined(separator: "/"), body, token: Persona.stranger.token)
                #expect(
                    [400, 403, 404].contains(answer.status), "\(endpoint.method) \(endpoint.path): \(answer.status)")
                #expect(!answer.text.contains("mine"), "\(endpoint.method) \(endpoint.path): \(answer.text)")
            }
            #expect(await talk.get(path)[many]?.array?.contains { $0["id"]?.string == id } == true)
        }
    }

    @Test func readersOnlyRead() async throws {
        let talk = try await NetworkTalk()
        for (path, many, id) in await possessions(talk) {
            let one = Network.resources.first { $0.many == many }?.one ?? ""
            #expect(await talk.get("\(path)/\(id)", as: .reader).status == 200, "\(path)")
            let change = JSON.object(JSON.Object([.init(name: one, value: ["name": "theirs"])]))
            #expect(await talk.put("\(path)/\(id)", change, as: .reader).status == 403, "PUT \(path)")
            #expect(await talk.delete("\(path)/\(id)", as: .reader).status == 403, "DELETE \(path)")
            #expect(await talk.get("\(path)/\(id)")[one]?["name"] != "theirs", "\(path)")
        }
    }
}
