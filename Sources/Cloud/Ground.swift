package import Base
package import Bus
package import ComputeNode
package import HTTP
package import SQL
package import VolumeNode
package import Workflow

/// What a cloud stands on: the machine's own parts, or those that a simulation puts in their place.
package struct Ground: Sendable {
    /// How a request of one service to another gets there, if it does.
    package typealias Road =
        @Sendable (HTTPRequest, _ arrive: @Sendable (HTTPRequest) async -> HTTPResponse) async throws(Failure) ->
        HTTPResponse

    let database: @Sendable (_ path: String) throws(Failure) -> Database
    let bus: @Sendable (LocalBus, World) -> any Bus
    let road: Road
    /// Told of every step of every workflow.
    let fault: WorkflowRunner.Fault
    /// The hosts with what runs guests on each; nil leaves it to the settings.
    let hosts: [Host]?
    /// What holds volumes; nil leaves it to the settings.
    let volumes: (any VolumeDriver)?

    package struct Host: Sendable {
        let name: String
        let hypervisor: any Hypervisor

        package init(name: String, hypervisor: any Hypervisor) {
            self.name = name
            self.hypervisor = hypervisor
        }
    }

    package init(
        database: @escaping @Sendable (_ path: String) throws(Failure) -> Database,
        bus: @escaping @Sendable (LocalBus, World) -> any Bus, road: @escaping Road,
        fault: @escaping WorkflowRunner.Fault, hosts: [Host]?, volumes: (any VolumeDriver)?
    ) {
        self.database = database
        self.bus = bus
        self.road = road
        self.fault = fault
        self.hosts = hosts
        self.volumes = volumes
    }

    /// One machine, and one process on it.
    package static let machine = Ground(
        database: { path throws(Failure) in try Database(Database.Location(path), readsAtOnce: true) },
        bus: { bus, _ in bus },
        road: { request, arrive in await arrive(request) },
        fault: { _, _ in },
        hosts: nil, volumes: nil)

    /// The machine's own parts, and long work that fails where it is told to.
    package static func failing(_ fault: @escaping WorkflowRunner.Fault) -> Ground {
        Ground(
            database: machine.database, bus: machine.bus, road: machine.road, fault: fault, hosts: nil,
            volumes: nil)
    }
}
