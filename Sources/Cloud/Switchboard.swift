import API
import Base
import HTTP
import Synchronization

/// By which services of one process reach one another: they are made before the door is that leads to them.
final class Switchboard: Sendable {
    private let door = Mutex<Door?>(nil)
    private let road: Ground.Road

    init(_ road: @escaping Ground.Road) { self.road = road }

    func connect(_ door: Door) { self.door.withLock { $0 = door } }

    func neighbour(_ name: String, asker: String) -> Neighbour {
        Neighbour(name, asker: asker) { request throws(Failure) in
            guard let door = self.door.withLock({ $0 }) else { throw .unavailable("The cloud is still starting.") }
            return try await self.road(request) { await door.respond(to: $0) }
        }
    }
}
