import Base
import ComputeNode
import SQL
import Workflow

/// What holds of a cloud once nothing goes wrong any more and it has had time to settle, whatever has happened before.
/// Each answers with what it finds broken.
struct Promise: Sendable {
    let name: String
    let breaches: @Sendable (Sight) -> [String]

    static let all: [Promise] = [
        Promise(name: "nothing is stuck") { sight in
            sight.servers.filter { !$0.isAtRest }.map { "server \($0.id) is \($0.status), \($0.task ?? "no task")" }
                + sight.volumes.filter { !$0.isAtRest }.map { "volume \($0.id) is \($0.status)" }
                + sight.snapshots.filter { !$0.isAtRest }.map { "snapshot \($0.id) is \($0.status)" }
                + sight.openRuns.map { "\($0.workflow) about \($0.subject) is \($0.direction) at \"\($0.step)\"" }
        },
        Promise(name: "what was acknowledged is there") { sight in
            let ids = Set(sight.servers.map(\.id))
            let known = sight.known.sorted { $0.key < $1.key }
            let lost = known.filter { $0.value.standing == .there && !ids.contains($0.key) }
            let kept = known.filter { $0.value.standing == .leaving && ids.contains($0.key) }
            let networks = sight.knownNetworks.filter { $0.value == .there && !sight.networks.contains($0.key) }
            let ports = sight.knownPorts.filter { known in
                known.value == .there && !sight.ports.contains { $0.id == known.key }
            }
            let marks = sight.servers.filter { server in
                guard let mark = sight.known[server.id]?.mark else { return false }
                return server.mark != mark
            }
            return Promise.lostOrKept("volume", sight.knownVolumes, sight.volumes)
                + Promise.lostOrKept("snapshot", sight.knownSnapshots, sight.snapshots)
                + lost.map { "server \($0.key) is lost" } + kept.map { "server \($0.key) was deleted and is there" }
                + networks.keys.sorted().map { "network \($0) is lost" }
                + ports.keys.sorted().map { "port \($0) is lost" }
                + marks.map { "server \($0.id) has forgotten what was written on it" }
        },
        Promise(name: "what is held is held by a server that is there") { sight in
            let ids = Set(sight.servers.map(\.id))
            // While a server has two sizes, its migration holds the one that it may go back to.
            let strays = sight.allocations.filter {
                !ids.contains($0.consumer) && !sight.migrations.contains($0.consumer)
            }
            let without = sight.servers.filter { server in
                server.hasHost && !sight.allocations.contains { $0.consumer == server.id && $0.host == server.host }
            }
            let doubled = Set(sight.allocations.map(\.consumer)).filter { consumer in
                sight.allocations.count { $0.consumer == consumer } > 1
            }
            return strays.map { "\($0.host) holds something for \($0.consumer), which is not there" }
                + without.map { "server \($0.id) on \($0.host ?? "") holds nothing" }
                + doubled.sorted().map { "server \($0) holds something on several hosts" }
        },
        Promise(name: "guests are those of servers") { sight in
            let strays = sight.guests.filter { guest in
                !sight.servers.contains { server in
                    (server.id == guest.id || server.guest == guest.id)
                        && (server.isBetweenSizes || server.hasHost && server.host == guest.host)
                }
            }
            let missing = sight.servers.filter { server in
                server.hasHost && !sight.guests.contains { $0.id == server.id && $0.host == server.host }
            }
            return strays.map { "\($0.host) has a guest \($0.id) of no server's" }
                + missing.map { "server \($0.id) is \($0.status) and has no guest on \($0.host ?? "")" }
        },
        Promise(name: "servers are as their guests are") { sight in
            sight.servers.compactMap { server in
                guard let guest = sight.guests.first(where: { $0.id == server.guest && $0.host == server.host }),
                    let should = Sight.power[server.status], !should.contains(guest.power)
                else { return nil }
                return "server \(server.id) is \(server.status), its guest is \(guest.power)"
            }
        },
        Promise(name: "ports belong to servers that are there") { sight in
            let ids = Set(sight.servers.map(\.id))
            return sight.ports.filter { !$0.device.isEmpty && !ids.contains($0.device) }
                .map { "port \($0.id) belongs to \($0.device), which is not there" }
        },
        Promise(name: "attachments are what both sides say") { sight in
            let said = Set(sight.servers.flatMap { server in server.volumes.map { "\($0) of \(server.id)" } })
            let held = Set(sight.attachments.map { "\($0.volume) of \($0.server)" })
            let used = Set(sight.attachments.map(\.volume))
            let idle = sight.volumes.filter { ["in-use", "reserved"].contains($0.status) && !used.contains($0.id) }
            let busy = sight.volumes.filter { $0.status == "available" && used.contains($0.id) }
            return said.subtracting(held).sorted().map { "the volume \($0) is attached for the server only" }
                + held.subtracting(said).sorted().map { "the volume \($0) is attached for the store only" }
                + idle.map { "volume \($0.id) is \($0.status), and nobody uses it" }
                + busy.map { "volume \($0.id) is available, and somebody uses it" }
        },
        Promise(name: "what is stored is what there is") { sight in
            let whole = sight.volumes.filter { ["available", "in-use", "reserved"].contains($0.status) }
            let kept = sight.snapshots.filter { $0.status == "available" }
            let needed = Set(whole.map { "volume-\($0.id)" } + kept.map { "snapshot-\($0.id)" })
            let known = Set(sight.volumes.map { "volume-\($0.id)" } + sight.snapshots.map { "snapshot-\($0.id)" })
            return needed.subtracting(sight.stored).sorted().map { "\($0) is stored nowhere" }
                + Set(sight.stored).subtracting(known).sorted().map { "\($0) is stored, and nobody knows it" }
        },
        Promise(name: "images are whole or on their way out") { sight in
            let ids = Set(sight.servers.map(\.id))
            return sight.images.filter { $0.name.hasSuffix("-shelved") && !ids.contains($0.server) }
                .map { "image \($0.id) is what a server that is gone was shelved as" }
        },
        Promise(name: "what is counted adds up") { sight in
            let gigabytes = (sight.volumes + sight.snapshots).reduce(0) { $0 + $1.size }
            let counts = [
                ("servers", sight.countedServers, sight.servers.count),
                ("volumes", sight.countedVolumes, sight.volumes.count),
                ("snapshots", sight.countedSnapshots, sight.snapshots.count),
                ("gigabytes", sight.countedGigabytes, gigabytes),
            ]
            return counts.filter { $0.1 != $0.2 }.map { "\($0.1) \($0.0) are counted, and \($0.2) are there" }
        },
    ]

    /// What was promised to be there, or to go, and isn't so. A deletion may fail, if it says that it did.
    private static func lostOrKept(
        _ noun: String, _ known: [String: Customer.Standing], _ things: [Sight.Stored]
    ) -> [String] {
        let known = known.sorted { $0.key < $1.key }
        let lost = known.filter { known in known.value == .there && !things.contains { $0.id == known.key } }
        let kept = known.filter { known in
            known.value == .leaving && things.contains { $0.id == known.key && $0.status != "error_deleting" }
        }
        return lost.map { "\(noun) \($0.key) is lost" } + kept.map { "\(noun) \($0.key) was deleted and is there" }
    }
}

/// The cloud as it is at one moment, from outside and from inside.
struct Sight: Sendable {
    struct Server: Sendable {
        let id: String
        let status: String
        let task: String?
        let host: String?
        let mark: String?
        /// The ids of those that it says it has.
        let volumes: [String]

        /// What no longer changes by itself.
        var isAtRest: Bool { task == nil && Sight.ends.contains(status) }
        /// Whether it has been built: one that could not be is nowhere.
        var hasHost: Bool { status != "ERROR" && status != "SHELVED_OFFLOADED" && host != nil }
        /// The guest that speaks for it: while it is being rescued another runs beside its disk.
        var guest: String { status == "RESCUE" ? GuestID.rescue(of: id).text : id }
        var isBetweenSizes: Bool { status == "VERIFY_RESIZE" }
    }

    struct Holding: Sendable {
        let host: String
        let consumer: String
    }

    struct Guest: Sendable {
        let host: String
        let id: String
        let power: PowerState
    }

    /// A volume or a snapshot of one.
    struct Stored: Sendable {
        let id: String
        let status: String
        let size: Int

        init(_ json: JSON) {
            id = json["id"]?.string ?? ""
            status = json["status"]?.string ?? ""
            size = Int(json["size"]?.integer ?? 0)
        }

        var isAtRest: Bool {
            status.hasPrefix("error") || ["available", "in-use", "reserved"].contains(status)
        }
    }

    struct Image: Sendable {
        let id: String
        let name: String
        /// That of which it was taken, if it was of any.
        let server: String
    }

    struct Attachment: Sendable {
        let volume: String
        let server: String
    }

    struct Port: Sendable {
        let id: String
        let device: String
    }

    var servers: [Server] = []
    var openRuns: [Run] = []
    var allocations: [Holding] = []
    /// Those that still hold something.
    var migrations: Set<String> = []
    var guests: [Guest] = []
    var ports: [Port] = []
    var networks: [String] = []
    var volumes: [Stored] = []
    var snapshots: [Stored] = []
    var attachments: [Attachment] = []
    var images: [Image] = []
    /// The names under which volumes and snapshots are stored.
    var stored: [String] = []
    var countedServers = 0
    var countedVolumes = 0
    var countedSnapshots = 0
    var countedGigabytes = 0
    var known: [String: Customer.KnownServer] = [:]
    var knownNetworks: [String: Customer.Standing] = [:]
    var knownPorts: [String: Customer.Standing] = [:]
    var knownVolumes: [String: Customer.Standing] = [:]
    var knownSnapshots: [String: Customer.Standing] = [:]

    private static let ends: Set<String> = [
        "ACTIVE", "SHUTOFF", "PAUSED", "SUSPENDED", "ERROR", "RESCUE", "VERIFY_RESIZE", "SHELVED", "SHELVED_OFFLOADED",
    ]
    static let power: [String: [PowerState]] = [
        "ACTIVE": [.running], "SHUTOFF": [.stopped, .crashed], "PAUSED": [.paused], "SUSPENDED": [.suspended],
        "RESCUE": [.running],
    ]

    /// nil: the cloud doesn't answer.
    static func of(_ customer: Customer) async throws(Failure) -> Sight? {
        let site = customer.site
        var sight = Sight()
        sight.known = customer.servers
        sight.knownNetworks = customer.networks
        sight.knownPorts = customer.ports
        sight.knownVolumes = customer.volumes
        sight.knownSnapshots = customer.snapshots
        guard let servers = await customer.list("/compute/v2.1/servers/detail", "servers"),
            let ports = await customer.list("/network/v2.0/ports", "ports"),
            let networks = await customer.list("/network/v2.0/networks", "networks"),
            let providers = await customer.list("/placement/resource_providers", "resource_providers"),
            let migrations = await customer.list("/compute/v2.1/os-migrations", "migrations"),
            let limits = await customer.ask("GET", "/compute/v2.1/limits"), limits.status == 200,
            await sight.lookAtStore(customer)
        else { return nil }
        sight.stored = try await site.stored()
        sight.servers = servers.map { server in
            Server(
                id: server["id"]?.string ?? "", status: server["status"]?.string ?? "",
                task: server["OS-EXT-STS:task_state"]?.string, host: server["OS-EXT-SRV-ATTR:host"]?.string,
                mark: server["metadata"]?["mark"]?.string,
                volumes: (server["os-extended-volumes:volumes_attached"]?.array ?? []).compactMap { $0["id"]?.string })
        }
        // The network's own ports, those of its address servers, belong to no server.
        let others = ports.filter { $0["device_owner"]?.string?.hasPrefix("network:") != true }
        sight.ports = others.map { Port(id: $0["id"]?.string ?? "", device: $0["device_id"]?.string ?? "") }
        sight.migrations = Set(migrations.filter { $0["status"] == "finished" }.compactMap { $0["uuid"]?.string })
        sight.networks = networks.compactMap { $0["id"]?.string }
        for provider in providers {
            let id = provider["uuid"]?.string ?? ""
            guard let answer = await customer.ask("GET", "/placement/resource_providers/\(id)/allocations"),
                answer.status == 200
            else { return nil }
            for consumer in answer.json["allocations"]?.object?.members ?? [] {
                sight.allocations.append(Holding(host: provider["name"]?.string ?? "", consumer: consumer.name))
            }
        }
        sight.countedServers = Int(limits.json["limits"]?["absolute"]?["totalInstancesUsed"]?.integer ?? -1)
        for node in site.nodes {
            sight.guests += node.reports.map { Guest(host: node.size.host, id: $0.id.text, power: $0.power) }
        }
        sight.openRuns = try await site.look { try $0.runs(.forward) + $0.runs(.undoing) + $0.runs(.stuck) }
        return sight
    }

    /// What block storage and the image service say. False: they don't answer.
    private mutating func lookAtStore(_ customer: Customer) async -> Bool {
        let usage = "/volume/v3/os-quota-sets/\(customer.project)?usage=true"
        guard let volumes = await customer.list("/volume/v3/volumes/detail", "volumes"),
            let snapshots = await customer.list("/volume/v3/snapshots/detail", "snapshots"),
            let attachments = await customer.list("/volume/v3/attachments/detail", "attachments"),
            let images = await customer.list("/image/v2/images?limit=1000", "images"),
            let quota = await customer.ask("GET", usage), quota.status == 200
        else { return false }
        self.volumes = volumes.map(Stored.init)
        self.snapshots = snapshots.map(Stored.init)
        self.attachments = attachments.map {
            Attachment(volume: $0["volume_id"]?.string ?? "", server: $0["instance"]?.string ?? "")
        }
        self.images = images.map {
            Image(
                id: $0["id"]?.string ?? "", name: $0["name"]?.string ?? "", server: $0["instance_uuid"]?.string ?? "")
        }
        let counted = { (name: String) in Int(quota.json["quota_set"]?[name]?["in_use"]?.integer ?? -1) }
        countedVolumes = counted("volumes")
        countedSnapshots = counted("snapshots")
        countedGigabytes = counted("gigabytes")
        return true
    }
}

extension Customer {
    fileprivate func list(_ target: String, _ name: String) async -> [JSON]? {
        guard let answer = await ask("GET", target), answer.status == 200 else { return nil }
        return answer.json[name]?.array
    }
}
