import Base
import ComputeNode

/// Every kind of long work once, one after another. Ends early when the cloud no longer answers as it should.
enum Walk {
    /// Answers whether all of it was done.
    static func all(_ customer: Customer) async -> Bool {
        guard let server = await Deed.bootOne(customer), await customer.wait(for: server, "ACTIVE") else {
            return false
        }
        for action in actions(await customer.image() ?? "") {
            guard let answer = await customer.ask("POST", "/compute/v2.1/servers/\(server)/action", action.body),
                answer.status < 300, await customer.wait(for: server, action.then)
            else { return false }
        }
        guard await plugPort(customer, server), await useVolume(customer, server) else { return false }
        // The guest dies by itself.
        for node in customer.site.nodes { for guest in node.reports { node.kill(guest.id) } }
        guard await customer.wait(for: server, "SHUTOFF"), await delete(server, customer),
            let volumeBacked = await Deed.bootOne(customer, fromVolume: true),
            await deleteWhileShelving(volumeBacked, customer), let other = await Deed.bootOne(customer)
        else { return false }
        return await deleteWhileShelving(other, customer)
    }

    private static func delete(_ server: String, _ customer: Customer) async -> Bool {
        customer.note(server: server) { $0.standing = .unclear }
        guard await customer.ask("DELETE", "/compute/v2.1/servers/\(server)")?.status == 204 else { return false }
        customer.note(server: server) { $0.standing = .leaving }
        return await customer.wait(for: server, nil)
    }

    /// What is being done when a server is deleted leaves nothing behind, its image neither.
    private static func deleteWhileShelving(_ server: String, _ customer: Customer) async -> Bool {
        guard await customer.wait(for: server, "ACTIVE") else { return false }
        await customer.ask("POST", "/compute/v2.1/servers/\(server)/action", ["shelve": .null])
        return await delete(server, customer)
    }

    private static func actions(_ image: String) -> [(body: JSON, then: String)] {
        [
            (body: ["os-stop": .null], then: "SHUTOFF"),
            (body: ["os-start": .null], then: "ACTIVE"),
            (body: ["reboot": ["type": "HARD"]], then: "ACTIVE"),
            (body: ["pause": .null], then: "PAUSED"),
            (body: ["unpause": .null], then: "ACTIVE"),
            (body: ["suspend": .null], then: "SUSPENDED"),
            (body: ["resume": .null], then: "ACTIVE"),
            (body: ["rescue": ["adminPass": "simulated"]], then: "RESCUE"),
            (body: ["unrescue": .null], then: "ACTIVE"),
            (body: ["rebuild": ["imageRef": .string(image)]], then: "ACTIVE"),
            (body: ["createImage": ["name": "picture"]], then: "ACTIVE"),
            (body: ["resize": ["flavorRef": .string(Deed.largerFlavor)]], then: "VERIFY_RESIZE"),
            (body: ["revertResize": .null], then: "ACTIVE"),
            (body: ["resize": ["flavorRef": .string(Deed.largerFlavor)]], then: "VERIFY_RESIZE"),
            (body: ["confirmResize": .null], then: "ACTIVE"),
            (body: ["shelve": .null], then: "SHELVED_OFFLOADED"),
            (body: ["unshelve": .null], then: "ACTIVE"),
        ]
    }

    /// Another interface, and away with it. False when the cloud no longer answers.
    private static func plugPort(_ customer: Customer, _ server: String) async -> Bool {
        guard let network = customer.someNetwork() else { return false }
        let target = "/compute/v2.1/servers/\(server)/os-interface"
        let plugged = await customer.ask("POST", target, ["interfaceAttachment": ["net_id": .string(network)]])
        guard let port = plugged?.json["interfaceAttachment"]?["port_id"]?.string else { return false }
        guard await customer.ask("DELETE", "\(target)/\(port)")?.status == 202 else { return false }
        return await customer.wait(for: server, "ACTIVE")
    }

    /// A volume is made, attached, extended, kept as a snapshot, and goes. False when the cloud no longer answers.
    private static func useVolume(_ customer: Customer, _ server: String) async -> Bool {
        await Deed.makeVolume(customer)
        guard let volume = customer.volumes.keys.first, await customer.wait(forVolume: volume, "available") else {
            return false
        }
        let target = "/compute/v2.1/servers/\(server)/os-volume_attachments"
        let wish: JSON = ["volumeAttachment": ["volumeId": .string(volume)]]
        guard await customer.ask("POST", target, wish)?.status == 200,
            await customer.wait(forVolume: volume, "in-use"),
            await customer.ask("DELETE", "\(target)/\(volume)")?.status == 202,
            await customer.wait(forVolume: volume, "available"),
            await customer.ask("POST", "/volume/v3/volumes/\(volume)/action", ["os-extend": ["new_size": 9]])?.status
                == 202, await customer.wait(forVolume: volume, "available")
        else { return false }
        let snapshotWish: JSON = ["snapshot": ["volume_id": .string(volume), "name": "of a volume"]]
        guard let answer = await customer.ask("POST", "/volume/v3/snapshots", snapshotWish), answer.status == 202,
            let snapshot = answer.json["snapshot"]?["id"]?.string
        else { return false }
        customer.note(snapshot: snapshot, .there)
        let place = "/volume/v3/snapshots/\(snapshot)"
        guard await customer.wait(at: place, "snapshot", "available"),
            await customer.ask("DELETE", place)?.status == 202
        else { return false }
        customer.note(snapshot: snapshot, .leaving)
        guard await customer.wait(at: place, "snapshot", nil),
            await customer.ask("DELETE", "/volume/v3/volumes/\(volume)")?.status == 202
        else { return false }
        customer.note(volume: volume, .leaving)
        return await customer.wait(forVolume: volume, nil)
    }
}

extension Customer {
    fileprivate func wait(forVolume volume: String, _ status: String?) async -> Bool {
        await wait(at: "/volume/v3/volumes/\(volume)", "volume", status)
    }

    /// Whether a thing comes to a status; nil waits until it is gone.
    fileprivate func wait(at target: String, _ noun: String, _ status: String?) async -> Bool {
        for _ in 0..<120 {
            guard let answer = await ask("GET", target) else { return false }
            if answer.status == 404 { return status == nil }
            if let status, answer.json[noun]?["status"]?.string == status { return true }
            await sleep(.seconds(1))
        }
        return false
    }

    /// Whether a server comes to a status, and to rest there; nil waits until it is gone. False when nobody answers, or
    /// it takes too long.
    fileprivate func wait(for server: String, _ status: String?) async -> Bool {
        for _ in 0..<120 {
            guard let answer = await ask("GET", "/compute/v2.1/servers/\(server)") else { return false }
            if answer.status == 404 { return status == nil }
            let isAtRest = answer.json["server"]?["OS-EXT-STS:task_state"]?.string == nil
            if isAtRest, answer.json["server"]?["status"]?.string == status { return true }
            await sleep(.seconds(1))
        }
        return false
    }
}
