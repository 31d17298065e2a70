import API
import Base
import Bus
import ComputeNode
import Contracts
import HTTP
import IO
import NetworkNode
import Trace
import VolumeNode

/// What runs on the machines that have the guests, networks and volumes. It has no database: it is asked over the bus,
/// and asks the APIs over REST.
struct NodeRoles: Sendable {
    private let computeNodes: [ComputeNode]
    private let networkNodes: [NetworkNode]
    private let volumeNodes: [VolumeNode]
    private let hosts: [Ground.Host]
    let metadata: MetadataDoor
    private let world: World
    private let log: Log

    init(
        _ settings: CloudSettings, on ground: Ground, _ bus: any Bus, _ switchboard: Switchboard, _ loops: Loops,
        mechanism: NetworkMechanism, tokens: any TokenIssuer, world: World, log: Log
    ) async throws(Failure) {
        self.world = world
        self.log = log
        let roles = settings.roles
        hosts = roles.contains(.computeNode) ? try await NodeRoles.hosts(settings, ground, loops, world) : []
        computeNodes = hosts.map { host in
            ComputeNode(
                host: host.name, address: settings.tunnelAddress ?? settings.host, hypervisor: host.hypervisor,
                bus: bus,
                image: switchboard.neighbour("image", asker: "compute-node"),
                network: switchboard.neighbour("network", asker: "compute-node"),
                volume: switchboard.neighbour("volume", asker: "compute-node"), tokens: tokens,
                cache: settings.data.imageCache, world: world, log: log)
        }

        metadata = MetadataDoor(bus: bus, loops: loops, world: world)
        let wires = mechanism.wires(settings, metadata, world: world, log: log)
        let names = hosts.isEmpty ? [settings.nodeName] : hosts.map(\.name)
        networkNodes =
            roles.contains(.networkNode)
            ? names.map { NetworkNode(host: $0, bus: bus, wires: wires, world: world, log: log) } : []

        var volumeDrivers: [any VolumeDriver] = []
        if roles.contains(.volumeNode) {
            if let given = ground.volumes {
                volumeDrivers = [given]
            } else {
                volumeDrivers = try VolumeDrivers.make(settings)
            }
        }
        volumeNodes = volumeDrivers.map { driver in
            VolumeNode(
                host: settings.nodeName, driver: driver, bus: bus,
                image: switchboard.neighbour("image", asker: "volume-node"), tokens: tokens, world: world, log: log)
        }
    }

    /// Where an operator's own tools find the guests, if they do.
    func operatorsView() async -> String? {
        for host in hosts {
            if let view = host.hypervisor as? any OperatorsView, let address = try? await view.address() {
                return address
            }
        }
        return nil
    }

    /// This machine as a host, unless the ground has others.
    private static func hosts(
        _ settings: CloudSettings, _ ground: Ground, _ loops: Loops, _ world: World
    ) async throws(Failure) -> [Ground.Host] {
        if let hosts = ground.hosts { return hosts }
        let hypervisors = try await Hypervisors.make(settings, loops, world)
        return zip(settings.nodeNames, hypervisors).map { Ground.Host(name: $0, hypervisor: $1) }
    }

    // MARK: Life

    /// From now on answers what is asked over the bus.
    ///
    /// - Parameter reporting: whether they say at once what they have, and don't leave that to their own rhythm.
    func serve(reporting: Bool) async {
        for node in networkNodes {
            node.serve()
            if reporting { await node.converge() }
        }
        for node in computeNodes {
            node.serve()
            guard reporting else { continue }
            do throws(Failure) { try await node.report() } catch { log.warning("A node could not report: \(error)") }
        }
        for node in volumeNodes {
            node.serve()
            guard reporting else { continue }
            do throws(Failure) { try await node.report() } catch {
                log.warning("A volume node could not report: \(error)")
            }
        }
    }

    /// What runs for as long as the cloud does.
    var lives: [@Sendable () async throws -> Void] {
        let (metadata, computeNodes) = (metadata, computeNodes)
        var lives: [@Sendable () async throws -> Void] = []
        if !networkNodes.isEmpty { lives.append { await metadata.run() } }
        for node in computeNodes { lives.append { try await node.run() } }
        if !computeNodes.isEmpty {
            let (world, log) = (world, log)
            lives.append {
                while true {
                    try await world.clock.sleep(for: .seconds(600))
                    do throws(Failure) { try await ComputeNode.tidyImages(of: computeNodes) } catch {
                        log.warning("Images could not be tidied up: \(error)")
                    }
                }
            }
        }
        for node in networkNodes { lives.append { try await node.run() } }
        for node in volumeNodes { lives.append { try await node.run() } }
        for host in hosts { lives.append { try await NodeRoles.watch(host.hypervisor) } }
        return lives
    }

    /// Guests that change by themselves are noticed where the driver can tell.
    private static func watch(_ hypervisor: any Hypervisor) async throws {
        if let telling = hypervisor as? any GuestEvents { return try await telling.run() }
        while !Task.isCancelled { try await Task.sleep(for: .seconds(3_600)) }
    }
}
