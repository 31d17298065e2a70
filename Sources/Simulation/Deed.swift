import Base

/// Something that a customer may do at any time. Whether it succeeds doesn't matter; what the cloud says of it does.
struct Deed: Sendable {
    let name: String
    /// How often it is done, beside the others.
    let weight: Int
    let act: @Sendable (Customer) async -> Void

    static let all: [Deed] = [
        Deed(name: "boot a server", weight: 8) { _ = await bootOne($0) },
        Deed(name: "delete a server", weight: 4, act: deleteServer),
        Deed(name: "stop a server", weight: 2) { await $0.tell(["os-stop": .null]) },
        Deed(name: "start a server", weight: 2) { await $0.tell(["os-start": .null]) },
        Deed(name: "reboot a server", weight: 1) { await $0.tell(["reboot": ["type": "HARD"]]) },
        Deed(name: "pause a server", weight: 1) { await $0.tell(["pause": .null]) },
        Deed(name: "let a server go on", weight: 1) { await $0.tell(["unpause": .null]) },
        Deed(name: "suspend a server", weight: 1) { await $0.tell(["suspend": .null]) },
        Deed(name: "resume a server", weight: 1) { await $0.tell(["resume": .null]) },
        Deed(name: "rescue a server", weight: 1) { await $0.tell(["rescue": ["adminPass": "simulated"]]) },
        Deed(name: "end a rescue", weight: 1) { await $0.tell(["unrescue": .null]) },
        Deed(name: "resize a server", weight: 1) { await $0.tell(["resize": ["flavorRef": .string(largerFlavor)]]) },
        Deed(name: "confirm a resize", weight: 1) { await $0.tell(["confirmResize": .null]) },
        Deed(name: "revert a resize", weight: 1) { await $0.tell(["revertResize": .null]) },
        Deed(name: "shelve a server", weight: 1) { await $0.tell(["shelve": .null]) },
        Deed(name: "unshelve a server", weight: 1) { await $0.tell(["unshelve": .null]) },
        Deed(name: "take a picture of a server", weight: 1) { await $0.tell(["createImage": ["name": "picture"]]) },
        Deed(name: "mark a server", weight: 3, act: mark),
        Deed(name: "make a network", weight: 2, act: makeNetwork),
        Deed(name: "delete a network", weight: 1, act: deleteNetwork),
        Deed(name: "make a port", weight: 2, act: makePort),
        Deed(name: "delete a port", weight: 1, act: deletePort),
    ]

    static func drawn(by chance: any Chance) -> Deed {
        var place = chance.below(all.reduce(0) { $0 + $1.weight })
        for deed in all {
            if place < deed.weight { return deed }
            place -= deed.weight
        }
        return all[0]
    }

    // MARK: Servers

    static let flavor = "simulated"
    static let largerFlavor = "larger"
    static let image = "simulated"

    /// The server's id, if one has been promised.
    static func bootOne(_ customer: Customer) async -> String? {
        guard let network = customer.someNetwork() else { return nil }
        let images = await customer.ask("GET", "/image/v2/images?name=\(image)")
        guard let image = images?.json["images"]?.array?.first?["id"]?.string else { return nil }
        var wish: JSON = ["uuid": .string(network)]
        if customer.chance.below(4) == 0, let port = customer.somePort() { wish = ["port": .string(port)] }
        let number = customer.number()
        let answer = await customer.ask(
            "POST", "/compute/v2.1/servers",
            [
                "server": [
                    "name": .string("server-\(number)"), "flavorRef": .string(flavor), "imageRef": .string(image),
                    "networks": [wish],
                ]
            ])
        guard answer?.status == 202, let id = answer?.json["server"]?["id"]?.string else { return nil }
        customer.note(server: id) { $0.standing = .there }
        return id
    }

    private static func deleteServer(_ customer: Customer) async {
        guard let id = customer.someServer() else { return }
        customer.note(server: id) { $0.standing = .unclear }
        let answer = await customer.ask("DELETE", "/compute/v2.1/servers/\(id)")
        if answer?.status == 204 || answer?.status == 404 { customer.note(server: id) { $0.standing = .leaving } }
    }

    private static func mark(_ customer: Customer) async {
        guard let id = customer.someServer() else { return }
        let mark = "mark-\(customer.number())"
        customer.note(server: id) { $0.mark = nil }
        let answer = await customer.ask(
            "POST", "/compute/v2.1/servers/\(id)/metadata", ["metadata": ["mark": .string(mark)]])
        guard answer?.status == 200 else { return }
        customer.note(server: id) { $0.mark = mark }
    }

    // MARK: Networks

    static func makeNetwork(_ customer: Customer) async {
        let number = customer.number()
        let answer = await customer.ask(
            "POST", "/network/v2.0/networks", ["network": ["name": .string("network-\(number)")]])
        guard answer?.status == 201, let id = answer?.json["network"]?["id"]?.string else { return }
        let subnet: JSON = ["network_id": .string(id), "ip_version": 4, "cidr": .string("10.\(number % 250).0.0/24")]
        let made = await customer.ask("POST", "/network/v2.0/subnets", ["subnet": subnet])
        customer.note(network: id, made?.status == 201 ? .there : .unclear)
    }

    private static func deleteNetwork(_ customer: Customer) async {
        guard customer.networks.count > 1, let id = customer.someNetwork() else { return }
        customer.note(network: id, .unclear)
        let answer = await customer.ask("DELETE", "/network/v2.0/networks/\(id)")
        if answer?.status == 204 { customer.note(network: id, .leaving) }
        if answer?.status == 409 { customer.note(network: id, .there) }
    }

    private static func makePort(_ customer: Customer) async {
        guard let network = customer.someNetwork() else { return }
        let answer = await customer.ask(
            "POST", "/network/v2.0/ports", ["port": ["network_id": .string(network), "name": "of the customer's"]])
        guard answer?.status == 201, let id = answer?.json["port"]?["id"]?.string else { return }
        customer.note(port: id, .there)
    }

    private static func deletePort(_ customer: Customer) async {
        guard let id = customer.somePort() else { return }
        customer.note(port: id, .unclear)
        let answer = await customer.ask("DELETE", "/network/v2.0/ports/\(id)")
        if answer?.status == 204 || answer?.status == 404 { customer.note(port: id, .leaving) }
    }
}

extension Customer {
    /// An action on one of the servers.
    func tell(_ action: JSON) async {
        guard let id = someServer() else { return }
        await ask("POST", "/compute/v2.1/servers/\(id)/action", action)
    }
}
