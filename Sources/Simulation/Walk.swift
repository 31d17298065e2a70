import Base
import ComputeNode

/// Every kind of long work once, one after another. Ends early when the cloud no longer answers.
enum Walk {
    static func all(_ customer: Customer) async {
        guard let server = await Deed.bootOne(customer), await customer.wait(for: server, "ACTIVE") else { return }
        for action in actions(await customer.image() ?? "") {
            guard let answer = await customer.ask("POST", "/compute/v2.1/servers/\(server)/action", action.body),
                answer.status < 300, await customer.wait(for: server, action.then)
            else { return }
        }
        guard await plugPort(customer, server) else { return }
        // The guest dies by itself.
        for node in customer.site.nodes { for guest in node.reports { node.kill(guest.id) } }
        guard await customer.wait(for: server, "SHUTOFF") else { return }
        customer.note(server: server) { $0.standing = .unclear }
        guard await customer.ask("DELETE", "/compute/v2.1/servers/\(server)")?.status == 204 else { return }
        customer.note(server: server) { $0.standing = .leaving }
        _ = await customer.wait(for: server, nil)
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
}

extension Customer {
    fileprivate func image() async -> String? {
        await ask("GET", "/image/v2/images?name=\(Deed.image)")?.json["images"]?.array?.first?["id"]?.string
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
