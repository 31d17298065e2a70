import API
import Base
import CloudTesting
import Crypto
import SQL

@testable import Identity

struct FixedKeys: TokenKeys {
    let keys: FernetKeys

    func refresh() -> Bool { false }
}

extension Identity {
    /// Identity on an empty database in memory, with hashes that cost next to nothing.
    static func fixture(
        _ location: Database.Location = .memory, clock: any Clock = SystemClock(),
        _ change: (inout IdentitySettings) -> Void = { _ in }
    ) async throws -> Identity {
        let database = try Database(location)
        let world = World(clock: clock, chance: SeededChance(seed: 1))
        try await database.migrate("identity", migrations, at: world.now)
        var settings = IdentitySettings()
        settings.passwordCost = 4
        change(&settings)
        let keys = FixedKeys(keys: try FernetKeys([FernetKey(world.chance)]))
        let identity = Identity(database: database, world: world, keys: keys, credentialKeys: keys, settings: settings)
        try await identity.start()
        try await identity.bootstrap(
            Bootstrap(region: "RegionOne", adminPassword: "secret", demoPassword: "demo", services: []))
        return identity
    }
}

extension Conversation {
    static func withIdentity() async throws -> Conversation {
        try Conversation([try await Identity.fixture().api])
    }
}
