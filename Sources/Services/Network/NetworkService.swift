package import API
package import Base
package import SQL

/// Networks for everybody, each on wires of their own: the Networking API, version 2.0.
///
/// What a network, a port, a router is stands in a folder of its own as data; what the API does with things of all kinds
/// stands in `Core`.
package final class Network: Sendable {
    package let database: Database
    package let world: World
    let settings: NetworkSettings
    /// Told when what hosts have to do may have changed.
    let changed: @Sendable () -> Void
    let documents = Documents()
    /// Something is there that compute hasn't been told yet.
    let news: AsyncStream<Void>
    let hasNews: AsyncStream<Void>.Continuation

    package init(
        database: Database, world: World, settings: NetworkSettings = NetworkSettings(),
        changed: @escaping @Sendable () -> Void = {}
    ) {
        self.database = database
        self.world = world
        self.settings = settings
        self.changed = changed
        (news, hasNews) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    package var api: ServiceAPI {
        ServiceAPI(
            "network", port: 9696, versions: .only("2.0"), dialect: .network, service: self, bases: ["/v2.0"],
            definitions: Network.definitions,
            roots: Discovery.roots, endpoints: Network.endpoints)
    }

    static let resources: [Resource] = [
        .network, .subnet, .port, .router, .floatingIP, .securityGroup, .securityGroupRule, .subnetPool, .addressScope,
        .accessPolicy, .agent, .meteringLabel, .meteringRule, .qosPolicy, .trunk, .defaultRule,
        .addressGroup, .flavor, .serviceProfile, .ndpProxy, .log, .tapService, .tapFlow, .segmentRange,
    ]

    /// The table of contents of the API reference.
    static let endpoints: [Endpoint<Network>] =
        resources.flatMap(\.endpoints) + RouterInterfaces.endpoints + SubnetPoolPrefixes.endpoints + Quotas.endpoints
        + AvailabilityZones.endpoints
        + AddressAvailability.endpoints + Extensions.endpoints + PortForwardingRows.endpoints + AgentDuties.endpoints
        + QoSRuleKind.endpoints
        + Trunks.endpoints + AddressGroupRows.endpoints + AutoTopology.endpoints + FlavorRows.endpoints
        + FloatingIPPools.endpoints + LogRows.endpoints

    package static let migrations: [Migration] = [
        Tags.created, AccessPolicy.created, Quotas.created, NetworkRows.created, Segment.created, SubnetRows.created,
        PortRows.created, Addresses.created, SecurityGroupRows.created, SecurityGroupRuleRows.created,
        RouterRows.created, FloatingIPRows.created, AddressScopeRows.created, SubnetPoolRows.created,
        AgentRows.created, MeteringRows.created, QoSRows.created, TrunkRows.created, PortForwardingRows.created,
        AgentDuties.created, RouterRows.distributed,
        PortNames.added, ServerNews.created, AddressGroupRows.created, DefaultRuleRows.created, AutoTopology.created,
        FlavorRows.created, RouterRows.available, NDPProxyRows.created,
        PrivateVLAN.added, LogRows.created, TapRows.created, SegmentRangeRows.created,
    ]
}

/// What an operator may set.
package struct NetworkSettings: Sendable {
    package var segments = SegmentSettings()
    /// Asked in this order how a port is to be plugged in.
    package var drivers: [any MechanismDriver] = [SimulatedDriver()]
    /// The host on which routers and DHCP live; empty where no host is there for them.
    package var host = ""
    /// How many things of a kind a project may have, where that isn't the usual number.
    package var quotas: [String: Int] = [:]

    package init() {}
}
