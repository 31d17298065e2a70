import Base
import Synchronization

/// What happens in a simulated world, and what is broken in the end.
struct Story: Sendable {
    let site: Site
    let chance: any Chance
    let clock: any Clock
    let history: History

    private static let customers = 3
    private static let deeds = 12
    /// By then every deadline has passed and been acted upon.
    private static let patience: Duration = .seconds(3_600)
    /// After a process has been killed and started again, everything has come to rest by then.
    private static let patienceAfterKill: Duration = .seconds(30)

    // MARK: A storm

    /// Customers go about their business while things go wrong; then the weather clears.
    func storm() async throws(Failure) -> [String] {
        let customers = try await open(Story.customers)
        for customer in customers { await Deed.makeNetwork(customer) }
        await rage(customers)
        site.set(.calm)
        history.note("calm")
        if let failure = site.failure { return ["the cloud ended by itself: \(failure)"] }
        let broken = try await settled(customers, within: Story.patience)
        if !broken.isEmpty { return broken }
        return try await emptied(customers, within: Story.patience)
    }

    private func rage(_ customers: [Customer]) async {
        site.set(Odds.drawn(by: chance))
        await withTaskGroup(of: Void.self) { group in
            for customer in customers {
                group.addTask {
                    for _ in 0..<Story.deeds {
                        await customer.sleep(.milliseconds(chance.below(20_000)))
                        let deed = Deed.drawn(by: chance)
                        history.note(deed.name)
                        await deed.act(customer)
                    }
                }
            }
            let kills = chance.below(4)
            group.addTask {
                for _ in 0..<kills {
                    try? await clock.sleep(for: .milliseconds(chance.below(60_000)))
                    if chance.below(2) == 0 { site.kill() } else { site.killWriting() }
                    try? await clock.sleep(for: .milliseconds(chance.below(20_000)))
                    site.kill()
                    await site.start()
                }
            }
        }
    }

    // MARK: A walk

    /// One customer does everything once, and the process is killed at a milestone on the way.
    func walk(killingAt milestone: Int?) async throws(Failure) -> [String] {
        let customer = try await open(1)[0]
        await Deed.makeNetwork(customer)
        site.milestones.count(until: milestone)
        let isWhole = await Walk.all(customer)
        guard milestone != nil else {
            guard isWhole else { return ["the walk ended early"] }
            return try await emptied([customer], within: Story.patienceAfterKill)
        }
        try? await clock.sleep(for: .seconds(2))
        await site.start()
        let broken = try await settled([customer], within: Story.patienceAfterKill)
        if !broken.isEmpty { return broken }
        return try await emptied([customer], within: Story.patienceAfterKill)
    }

    // MARK: Beginning and end

    /// A cloud that is up, with something to boot, and its customers.
    private func open(_ count: Int) async throws(Failure) -> [Customer] {
        await site.start()
        if let failure = site.failure { throw failure }
        let customers = (0..<count).map { _ in
            Customer(site: site, chance: chance, clock: clock, history: history)
        }
        guard await prepare(customers[0]) else { throw .bug("A calm cloud did not do as it was asked.") }
        return customers
    }

    private func prepare(_ customer: Customer) async -> Bool {
        for (flavor, memory) in [(Deed.flavor, 256), (Deed.largerFlavor, 384)] {
            let wish: JSON = [
                "name": .string(flavor), "id": .string(flavor), "ram": JSON(memory), "vcpus": 1, "disk": 1,
            ]
            guard await customer.ask("POST", "/compute/v2.1/flavors", ["flavor": wish])?.status == 200 else {
                return false
            }
        }
        let image: JSON = ["name": .string(Deed.image), "disk_format": "raw", "container_format": "bare"]
        guard let id = await customer.ask("POST", "/image/v2/images", image)?.json["id"]?.string
        else { return false }
        let bytes = [UInt8](repeating: 7, count: 4_096)
        return await customer.ask("PUT", "/image/v2/images/\(id)/file", bytes: bytes)?.status == 204
    }

    /// What is still broken after all the time that there is.
    private func settled(_ customers: [Customer], within patience: Duration) async throws(Failure) -> [String] {
        let end = clock.now + patience
        while true {
            let breaches = try await look(customers)
            if breaches.isEmpty || clock.now >= end { return breaches }
            // The time between two reports of a node.
            try? await clock.sleep(for: .seconds(10))
        }
    }

    /// When everything is deleted, nothing is left.
    private func emptied(_ customers: [Customer], within patience: Duration) async throws(Failure) -> [String] {
        guard let sight = try await Sight.of(customers[0]) else { return ["the cloud does not answer"] }
        for server in sight.servers {
            await customers[0].ask("DELETE", "/compute/v2.1/servers/\(server.id)")
            for customer in customers where customer.servers[server.id] != nil {
                customer.note(server: server.id) { $0.standing = .leaving }
            }
        }
        var broken = try await settled(customers, within: patience)
        if !broken.isEmpty { return broken }
        for (noun, things) in [("snapshots", sight.snapshots), ("volumes", sight.volumes)] {
            for thing in things {
                await customers[0].ask("DELETE", "/volume/v3/\(noun)/\(thing.id)")
                for customer in customers {
                    if customer.volumes[thing.id] != nil { customer.note(volume: thing.id, .leaving) }
                    if customer.snapshots[thing.id] != nil { customer.note(snapshot: thing.id, .leaving) }
                }
            }
            broken = try await settled(customers, within: patience)
            if !broken.isEmpty { return broken }
        }
        guard let empty = try await Sight.of(customers[0]) else { return ["the cloud does not answer"] }
        return empty.servers.map { "server \($0.id) is \($0.status) after its deletion" }
            + empty.allocations.map { "\($0.host) still holds something for \($0.consumer)" }
            + empty.guests.map { "\($0.host) still has the guest \($0.id)" }
            + empty.volumes.map { "volume \($0.id) is \($0.status) after its deletion" }
            + empty.snapshots.map { "snapshot \($0.id) is \($0.status) after its deletion" }
            + empty.stored.map { "\($0) is still stored" }
            + empty.ports.filter { !$0.device.isEmpty }.map { "port \($0.id) still belongs to \($0.device)" }
    }

    private func look(_ customers: [Customer]) async throws(Failure) -> [String] {
        guard var sight = try await Sight.of(customers[0]) else { return ["the cloud does not answer"] }
        for customer in customers.dropFirst() {
            sight.known.merge(customer.servers) { $1 }
            sight.knownNetworks.merge(customer.networks) { $1 }
            sight.knownPorts.merge(customer.ports) { $1 }
            sight.knownVolumes.merge(customer.volumes) { $1 }
            sight.knownSnapshots.merge(customer.snapshots) { $1 }
        }
        return Promise.all.flatMap { promise in promise.breaches(sight).map { "\(promise.name): \($0)" } }
    }
}
