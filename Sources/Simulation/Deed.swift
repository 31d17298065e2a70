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
        Deed(name: "rebuild a server", weight: 1, act: rebuild),
        Deed(name: "change a server and delete it", weight: 3, act: deleteAfterChange),
        Deed(name: "boot a server from a volume", weight: 2) { _ = await bootOne($0, fromVolume: true) },
        Deed(name: "make a volume", weight: 4, act: makeVolume),
        Deed(name: "attach a volume", weight: 4, act: attachVolume),
        Deed(name: "detach a volume", weight: 3, act: detachVolume),
        Deed(name: "extend a volume", weight: 2, act: extendVolume),
        Deed(name: "delete a volume", weight: 2, act: deleteVolume),
        Deed(name: "take a snapshot of a volume", weight: 2, act: makeSnapshot),
        Deed(name: "delete a snapshot", weight: 1, act: deleteSnapshot),
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
    static func bootOne(_ customer: Customer, fromVolume: Bool = false) async -> String? {
        guard let network = customer.someNetwork(), let image = await customer.image() else { return nil }
        var wish: JSON = ["uuid": .string(network)]
        if customer.chance.below(4) == 0, let port = customer.somePort() { wish = ["port": .string(port)] }
        let number = customer.number()
        var server = JSON.Object()
        server["name"] = .string("server-\(number)")
        server["flavorRef"] = .string(flavor)
        server["networks"] = [wish]
        if fromVolume {
            server["block_device_mapping_v2"] = [
                [
                    "boot_index": 0, "uuid": .string(image), "source_type": "image", "destination_type": "volume",
                    "volume_size": 1, "delete_on_termination": true,
                ]
            ]
        } else {
            server["imageRef"] = .string(image)
        }
        let answer = await customer.ask("POST", "/compute/v2.1/servers", ["server": .object(server)])
        guard answer?.status == 202, let id = answer?.json["server"]?["id"]?.string else { return nil }
        customer.note(server: id) { $0.standing = .there }
        return id
    }

    private static func deleteServer(_ customer: Customer) async {
        guard let id = customer.someServer() else { return }
        await delete(id, customer)
    }

    private static func delete(_ id: String, _ customer: Customer) async {
        customer.note(server: id) { $0.standing = .unclear }
        let answer = await customer.ask("DELETE", "/compute/v2.1/servers/\(id)")
        if answer?.status == 204 || answer?.status == 404 { customer.note(server: id) { $0.standing = .leaving } }
    }

    private static func rebuild(_ customer: Customer) async {
        guard let image = await customer.image() else { return }
        await customer.tell(["rebuild": ["imageRef": .string(image)]])
    }

    /// Deleted at any moment of a change: while it is under way, or as soon as the server looks as if it were over.
    private static func deleteAfterChange(_ customer: Customer) async {
        guard let id = customer.someServer(), let image = await customer.image() else { return }
        let changes: [JSON] = [
            ["unshelve": .null], ["shelve": .null], ["rebuild": ["imageRef": .string(image)]],
            ["resize": ["flavorRef": .string(largerFlavor)]], ["revertResize": .null], ["confirmResize": .null],
            ["rescue": ["adminPass": "simulated"]], ["unrescue": .null], ["createImage": ["name": "last picture"]],
        ]
        let change = changes[customer.chance.below(changes.count)]
        await customer.ask("POST", "/compute/v2.1/servers/\(id)/action", change)
        if customer.chance.below(2) == 0 {
            await customer.sleep(.milliseconds(customer.chance.below(5_000)))
        } else {
            _ = await customer.waitForRest(of: id)
        }
        await delete(id, customer)
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

    // MARK: Volumes

    static func makeVolume(_ customer: Customer) async {
        var wish = JSON.Object()
        wish["name"] = .string("volume-\(customer.number())")
        wish["size"] = JSON(1 + customer.chance.below(3))
        switch customer.chance.below(4) {
        case 0: if let image = await customer.image() { wish["imageRef"] = .string(image) }
        case 1:
            if let snapshot = customer.someSnapshot() {
                wish["snapshot_id"] = .string(snapshot)
                wish["size"] = 9
            }
        default: break
        }
        let answer = await customer.ask("POST", "/volume/v3/volumes", ["volume": .object(wish)])
        guard answer?.status == 202, let id = answer?.json["volume"]?["id"]?.string else { return }
        customer.note(volume: id, .there)
    }

    private static func attachVolume(_ customer: Customer) async {
        guard let server = customer.someServer(), let volume = customer.someVolume() else { return }
        let wish: JSON = ["volumeAttachment": ["volumeId": .string(volume)]]
        await customer.ask("POST", "/compute/v2.1/servers/\(server)/os-volume_attachments", wish)
    }

    private static func detachVolume(_ customer: Customer) async {
        guard let server = customer.someServer() else { return }
        let target = "/compute/v2.1/servers/\(server)/os-volume_attachments"
        let attached = await customer.ask("GET", target)?.json["volumeAttachments"]?.array ?? []
        guard let volume = attached.last?["volumeId"]?.string else { return }
        await customer.ask("DELETE", "\(target)/\(volume)")
    }

    private static func extendVolume(_ customer: Customer) async {
        guard let id = customer.someVolume() else { return }
        let size = JSON(3 + customer.chance.below(4))
        await customer.ask("POST", "/volume/v3/volumes/\(id)/action", ["os-extend": ["new_size": size]])
    }

    private static func deleteVolume(_ customer: Customer) async {
        guard let id = customer.someVolume() else { return }
        customer.note(volume: id, .unclear)
        guard let answer = await customer.ask("DELETE", "/volume/v3/volumes/\(id)") else { return }
        if answer.status == 202 || answer.status == 404 { customer.note(volume: id, .leaving) }
        // It was refused for what it is used for.
        if answer.status == 400 { customer.note(volume: id, .there) }
    }

    private static func makeSnapshot(_ customer: Customer) async {
        guard let volume = customer.someVolume() else { return }
        let wish: JSON = ["volume_id": .string(volume), "force": true, "name": "of a volume"]
        let answer = await customer.ask("POST", "/volume/v3/snapshots", ["snapshot": wish])
        guard answer?.status == 202, let id = answer?.json["snapshot"]?["id"]?.string else { return }
        customer.note(snapshot: id, .there)
    }

    private static func deleteSnapshot(_ customer: Customer) async {
        guard let id = customer.someSnapshot() else { return }
        customer.note(snapshot: id, .unclear)
        guard let answer = await customer.ask("DELETE", "/volume/v3/snapshots/\(id)") else { return }
        if answer.status == 202 || answer.status == 404 { customer.note(snapshot: id, .leaving) }
        if answer.status == 400 { customer.note(snapshot: id, .there) }
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

    /// The id of the image that everything boots from.
    func image() async -> String? {
        await ask("GET", "/image/v2/images?name=\(Deed.image)")?.json["images"]?.array?.first?["id"]?.string
    }

    /// Asks a few times whether nothing is done with a server any more.
    func waitForRest(of server: String) async -> Bool {
        for _ in 0..<30 {
            guard let answer = await ask("GET", "/compute/v2.1/servers/\(server)") else { return false }
            if answer.status != 200 || answer.json["server"]?["OS-EXT-STS:task_state"]?.string == nil { return true }
            await sleep(.milliseconds(200))
        }
        return false
    }
}
