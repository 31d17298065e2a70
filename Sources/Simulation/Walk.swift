import Base
import ComputeNode

/// Every kind of long work once, one after another. Ends early when the cloud no longer answers.
enum Walk {
    static func all(_ customer: Customer) async {
        guard let server = await Deed.bootOne(customer), await customer.wait(for: server, "ACTIVE") else { return }
        for action in actions {
            guard let answer = await customer.ask("POST", "/compute/v2.1/servers/\(server)/action", action.body),
                answer.status == 202, await customer.wait(for: server, action.then)
            else { return }
        }
        // The guest dies by itself.
        for node in customer.site.nodes { for guest in node.reports { node.kill(guest.id) } }
        guard await customer.wait(for: server, "SHUTOFF") else { return }
        customer.note(server: server) { $0.standing = .unclear }
        guard await customer.ask("DELETE", "/compute/v2.1/servers/\(server)")?.status == 204 else { return }
        customer.note(server: server) { $0.standing = .leaving }
        _ = await customer.wait(for: server, nil)
    }

    private static let actions: [(body: JSON, then: String)] = [
        (body: ["os-stop": .null], then: "SHUTOFF"),
        (body: ["os-start": .null], then: "ACTIVE"),
        (body: ["reboot": ["type": "HARD"]], then: "ACTIVE"),
        (body: ["pause": .null], then: "PAUSED"),
        (body: ["unpause": .null], then: "ACTIVE"),
        (body: ["suspend": .null], then: "SUSPENDED"),
        (body: ["resume": .null], then: "ACTIVE"),
    ]
}

extension Customer {
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
