import Base
import Contracts
import SQL
import Testing

@testable import Placement

/// Random claims, many of them impossible: whatever happens, the numbers agree with each other.
@Suite struct ArithmeticTests {
    @Test(arguments: 1...12) func whatIsNotedAsUsedIsWhatIsHeld(seed: UInt64) async throws {
        let placement = try await Placement.fixture()
        let chance = SeededChance(seed: seed)
        let now = placement.world.now
        let providers: [ID<ResourceProvider>] = (1...4).map { ID(uuid($0)) }
        try await placement.database.write { tx in
            for (index, id) in providers.enumerated() {
                let made = try tx.insertProvider(id, name: "node\(index)", parent: nil, now: now)
                let sizes = [
                    "VCPU": InventoryDescription(
                        total: 4 + chance.below(8), reserved: chance.below(3), allocationRatio: 1.5),
                    "MEMORY_MB": InventoryDescription(total: 64, minUnit: 2, maxUnit: 32, stepSize: 2),
                ]
                _ = try tx.setInventories(sizes, of: made, now: now)
            }
        }
        var accepted = 0
        var refused = 0
        for _ in 0..<120 {
            let claims = (0...chance.below(2)).map { _ in ArithmeticTests.claim(chance, providers) }
            let distinct = Dictionary(claims.map { ($0.consumer, $0) }, uniquingKeysWith: { first, _ in first })
            do {
                try await placement.database.write { try $0.claim(Array(distinct.values), now: now) }
                accepted += 1
            } catch {
                #expect(error.kind == .conflict)
                refused += 1
            }
            try await ArithmeticTests.requireAgreement(placement)
        }
        // A seed that only ever succeeds or fails proves nothing.
        #expect(accepted > 10 && refused > 10)
    }

    private static func claim(_ chance: SeededChance, _ providers: [ID<ResourceProvider>]) -> Claim {
        var held: [ID<ResourceProvider>: Resources] = [:]
        for provider in providers where chance.below(3) == 0 {
            held[provider] = ["VCPU": 1 + chance.below(5), "MEMORY_MB": 1 + chance.below(40)]
            if chance.below(2) == 0 { held[provider]?["MEMORY_MB"] = 2 * (1 + chance.below(12)) }
        }
        return Claim(consumer: ID(uuid(100 + chance.below(8))), project: "p", user: "u", allocations: held)
    }

    private static func requireAgreement(_ placement: Placement) async throws {
        let (inventories, held, loose) = try await placement.database.read { tx in
            let inventories = try tx.rows("SELECT * FROM placement_inventory") { row in
                let provider = try row.integer("provider")
                return (provider, try Inventory(row))
            }
            let held = try tx.rows("SELECT * FROM placement_allocation") { try Allocation($0) }
            let loose = try tx.count(
                """
                SELECT COUNT(*) FROM placement_consumer c
                WHERE NOT EXISTS (SELECT 1 FROM placement_allocation a WHERE a.consumer = c.uuid)
                """)
            return (inventories, held, loose)
        }
        for (provider, inventory) in inventories {
            let place = Place(provider: provider, resourceClass: inventory.resourceClass)
            let sum = held.filter { $0.place == place }.reduce(0) { $0 + $1.used }
            #expect(inventory.used == sum)
            #expect(Double(sum) <= inventory.exactCapacity)
        }
        #expect(held.allSatisfy { $0.resourceClass != "MEMORY_MB" || $0.used % 2 == 0 && $0.used <= 32 })
        #expect(loose == 0)
    }
}
