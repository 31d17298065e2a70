package import Base
import Cloud
import Glibc
import IO
import Synchronization
import Trace

/// A cloud's life under faults, made from a seed: customers who do what they like, messages that are lost, nodes that
/// fail, a process that is killed. Then the weather clears, and every promise has to hold. The same seed is the same
/// history.
package struct Simulation: Sendable {
    package struct Report: Sendable {
        package let seed: UInt64
        /// The same for the same history.
        package let digest: String
        package let lines: Int
        package let simulated: Duration
        /// What was not as promised.
        package let breaches: [String]
    }

    private static let start = Moment(seconds: 1_893_456_000)
    private static let customers = 3
    private static let deeds = 12
    /// By then every deadline has passed and been acted upon.
    private static let patience: Duration = .seconds(3_600)

    /// - Parameters:
    ///   - folder: where the simulated disk is; it is removed again.
    ///   - tell: is told every line of the history.
    package static func run(
        seed: UInt64, in folder: String, log: Bool = false, tell: @escaping @Sendable (String) -> Void = { _ in }
    ) throws(Failure) -> Report {
        Pool.workInPlace()
        try DataDirectory.make(folder)
        defer { try? Files.removeFolder(folder) }
        let chance = SeededChance(seed: seed)
        let thread = OneThread(chance: SeededChance(seed: seed &* 31 &+ 7), start: start)
        let history = History(tell: tell)
        let outside = Processor(thread)
        let weather = Weather(chance: chance, history: history)
        let site = try Site(
            folder: folder, thread: thread, chance: chance, weather: weather, history: history,
            log: log ? Log(style: .people, clock: outside.clock) : .silent)
        let story = Story(site: site, chance: chance, clock: outside.clock, history: history)
        let result = Mutex<[String]?>(nil)
        Task(executorPreference: outside) {
            let breaches = await story.breaches()
            result.withLock { $0 = breaches }
        }
        let hasEnded = thread.run { result.withLock { $0 != nil } }
        let breaches = result.withLock { $0 } ?? []
        return Report(
            seed: seed, digest: history.digest, lines: history.lines, simulated: thread.time.now - start,
            breaches: hasEnded ? breaches : ["everything stands still for ever"])
    }

    /// What happens.
    private struct Story: Sendable {
        let site: Site
        let chance: any Chance
        let clock: any Clock
        let history: History

        func breaches() async -> [String] {
            do throws(Failure) {
                await site.start()
                if let failure = site.failure { return ["the cloud did not start: \(failure)"] }
                let customers = (0..<Simulation.customers).map { _ in
                    Customer(site: site, chance: chance, clock: clock, history: history)
                }
                guard await prepare(customers[0]) else { return ["a calm cloud did not do as it was asked"] }
                for customer in customers { await Deed.makeNetwork(customer) }
                await storm(customers)
                site.set(.calm)
                history.note("calm")
                if let failure = site.failure { return ["the cloud ended by itself: \(failure)"] }
                return try await settled(customers) + emptied(customers)
            } catch {
                return ["\(error)"]
            }
        }

        /// What customers need: something to boot.
        private func prepare(_ customer: Customer) async -> Bool {
            let flavor: JSON = [
                "name": .string(Deed.flavor), "id": .string(Deed.flavor), "ram": 256, "vcpus": 1, "disk": 1,
            ]
            let image: JSON = ["name": .string(Deed.image), "disk_format": "raw", "container_format": "bare"]
            guard await customer.ask("POST", "/compute/v2.1/flavors", ["flavor": flavor])?.status == 200,
                let id = await customer.ask("POST", "/image/v2/images", image)?.json["id"]?.string
            else { return false }
            let bytes = [UInt8](repeating: 7, count: 4_096)
            return await customer.ask("PUT", "/image/v2/images/\(id)/file", bytes: bytes)?.status == 204
        }

        /// Customers go about their business while things go wrong, and now and then the process is killed.
        private func storm(_ customers: [Customer]) async {
            site.set(Odds.drawn(by: chance))
            await withTaskGroup(of: Void.self) { group in
                for customer in customers {
                    group.addTask {
                        for _ in 0..<Simulation.deeds {
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
                        await site.kill()
                        try? await clock.sleep(for: .milliseconds(chance.below(20_000)))
                        await site.start()
                    }
                }
            }
        }

        /// What is still broken after all the time that there is.
        private func settled(_ customers: [Customer]) async throws(Failure) -> [String] {
            let end = clock.now + Simulation.patience
            while true {
                // Twice the time between two reports of a node.
                try? await clock.sleep(for: .seconds(20))
                let breaches = try await look(customers)
                if breaches.isEmpty || clock.now > end { return breaches }
            }
        }

        /// When everything is deleted, nothing is left.
        private func emptied(_ customers: [Customer]) async throws(Failure) -> [String] {
            guard let sight = try await Sight.of(customers[0]) else { return ["the cloud does not answer"] }
            for server in sight.servers {
                await customers[0].ask("DELETE", "/compute/v2.1/servers/\(server.id)")
                for customer in customers where customer.servers[server.id] != nil {
                    customer.note(server: server.id) { $0.standing = .leaving }
                }
            }
            let broken = try await settled(customers)
            if !broken.isEmpty { return broken }
            guard let empty = try await Sight.of(customers[0]) else { return ["the cloud does not answer"] }
            return empty.servers.map { "server \($0.id) is \($0.status) after its deletion" }
                + empty.allocations.map { "\($0.host) still holds something for \($0.consumer)" }
                + empty.guests.map { "\($0.host) still has the guest \($0.id)" }
                + empty.ports.filter { !$0.device.isEmpty }.map { "port \($0.id) still belongs to \($0.device)" }
        }

        private func look(_ customers: [Customer]) async throws(Failure) -> [String] {
            guard var sight = try await Sight.of(customers[0]) else { return ["the cloud does not answer"] }
            for customer in customers.dropFirst() {
                sight.known.merge(customer.servers) { $1 }
                sight.knownNetworks.merge(customer.networks) { $1 }
                sight.knownPorts.merge(customer.ports) { $1 }
            }
            return Promise.all.flatMap { promise in promise.breaches(sight).map { "\(promise.name): \($0)" } }
        }
    }
}
