import API
import Base
import Contracts
import Crypto
import Policy
import SQL
import Workflow

/// From the body of `POST /servers` to servers that are written down and on their way.
struct CreateServer: Sendable {
    private let call: Call<Compute>
    private let body: JSON.Object

    init(_ call: Call<Compute>) throws(Failure) {
        self.call = call
        body = try call.fields("server")
    }

    static let shape: Shape = .object(
        Fields(
            [.required("server", .object(Fields(fields, others: .refused)))]
                + Wishes.names.map { .optional($0, Wishes.shape) }))

    private static let network: Shape = .object(
        Fields([
            .optional("uuid", .uuid), .optional("port", .nullable(.uuid)),
            .optional("fixed_ip", .text(2...45, format: .ipAddress)),
            .optional("tag", .text(1...60), since: "2.32"),
        ]))

    private static let fields: [Field] = [
        .required("name", .name), .required("flavorRef", .either([.text(1...255), .integer(0...Int64.max)])),
        .optional("imageRef", .text(0...255)), .optional("adminPass", .text), .optional("metadata", metadata),
        .optional("networks", .either([.choice(["auto", "none"]), .list(of: network)])),
        .optional("OS-DCF:diskConfig", .choice(["AUTO", "MANUAL"])),
        .optional("accessIPv4", .text(7...15, format: .ipAddress)),
        .optional("accessIPv6", .text(2...45, format: .ipAddress)),
        .optional("personality", .list(of: .any), until: "2.56"),
        .optional("availability_zone", .text(1...255)), .optional("key_name", .text(1...255)),
        .optional("user_data", .nullable(.text(0...65_535))), .optional("config_drive", .looseBoolean),
        .optional("security_groups", .list(of: .object(Fields([.optional("name", .text(1...255))])))),
        .optional("min_count", .looseInteger(1...1_000)), .optional("max_count", .looseInteger(1...1_000)),
        .optional("return_reservation_id", .looseBoolean), .optional("description", .description, since: "2.19"),
        .optional("tags", .list(of: .text(1...60, format: .tag), count: 0...50), since: "2.52"),
        .optional("host", .text(1...255), since: "2.74"),
        .optional("hypervisor_hostname", .text(1...255), since: "2.74"),
        .optional("hostname", .text(1...255), since: "2.90"),
        .optional("block_device_mapping_v2", .list(of: .object(Fields(BlockDevices.fields)))),
        .optional("block_device_mapping", .list(of: .object(Fields(BlockDevices.fields)))),
        .optional(
            "trusted_image_certificates", .nullable(.list(of: .text(1...255), count: 1...50, unique: true)),
            since: "2.63"),
    ]

    static let metadata: Shape = .map(name: 1...255, value: .text(0...255))

    func run() async throws(Failure) -> [Server] {
        let service = call.service
        let (minimum, maximum) = try counts()
        let networks = try networks()
        let image = try await image()
        try await checkSecurityGroups()
        try await checkNetworks(networks)
        let body = body
        let caller = call.caller
        let hints = Wishes.hints(in: call.body)
        let flavorID: ID<Flavor> = ID(body.text("flavorRef") ?? body.integer("flavorRef").map(String.init) ?? "")
        let (template, now) = (try await template(), service.world.now)
        let reach = call.flavorReach
        let known = try await service.database.read { tx in
            do { return try tx.flavor(flavorID, reach) } catch  where Failure(error).kind == .notFound {
                throw Failure.invalid("Flavor \(flavorID) could not be found.")
            }
        }
        let devices = try await BlockDevices.read(body, image: image, known, call)
        guard maximum == 1 || !devices.volumes.contains(where: { $0.source == .volume }) else {
            throw .invalid("Cannot attach one or more volumes to multiple instances")
        }
        guard maximum == 1 || !networks.contains(where: { $0.port != nil }) else {
            throw .invalid(
                "Unable to launch multiple instances with a single configured port ID. Please launch your instance one by one with different ports."
            )
        }
        try image?.allow(known, onVolume: devices.isVolumeBacked)
        return try await service.database.write(to: "write the server down") { tx in
            let flavor: Flavor
            do { flavor = try tx.flavor(flavorID, call.flavorReach) } catch  where Failure(error).kind == .notFound {
                throw Failure.invalid("Flavor \(flavorID) could not be found.")
            }
            let key = try body.text("key_name").map {
                try tx.keypair($0, of: caller.user.id, absent: .invalid("Invalid key_name provided."))
            }
            let group = try Wishes.group(in: hints).map { try tx.joined($0, maximum, call) }
            let wishes = Wishes(group: group, hints: hints, image: (image?.properties).map { .object($0) })
            let count = try tx.reserve(flavor, minimum: minimum, maximum: maximum, call)
            let reservation = "r-" + String(UUID(service.world.chance).hex.prefix(8))
            var servers: [Server] = []
            for index in 0..<count {
                var server = template.server(
                    flavor: flavor, image: image?.id, key: key, networks: networks,
                    reservation: reservation, index: index, wishes: wishes,
                    count: count, now: now, chance: service.world.chance)
                server.volumes = devices.volumes(for: index, service.world.chance)
                server.particulars = template.particulars
                server.particulars.imageProperties = image?.properties ?? JSON.Object()
                server.particulars.minimumMemory = image?.minimumMemory ?? 0
                try tx.insert(server)
                try tx.note("create", on: server.id, call, at: now)
                try service.runner.start(BootServer.self, about: server.id.text, template.boot(server, body), tx)
                servers.append(server)
            }
            return servers
        }
    }

    /// What the caller learns once: a password for the guest's administrator, when they gave none.
    static func adminPassword(_ call: Call<Compute>) -> String? {
        call.body["server"]?["adminPass"]?.string ?? password(call)
    }

    static func password(_ call: Call<Compute>) -> String {
        Base64.url.unpadded.text(call.service.world.chance.bytes(9))
    }

    // MARK: Parts of the body

    private func counts() throws(Failure) -> (minimum: Int, maximum: Int) {
        let minimum = body.integer("min_count") ?? 1
        let maximum = body.integer("max_count") ?? minimum
        guard minimum <= maximum else { throw .invalid("min_count must be <= max_count") }
        return (minimum, maximum)
    }

    private func networks() throws(Failure) -> [NetworkRequest] {
        let asked = body["networks"]
        if let word = asked?.string {
            guard call.version >= "2.37" else { throw .field("server.networks", "must be an array, not a string") }
            return word == "none" ? [] : [.automatic]
        }
        guard let list = asked?.array, !list.isEmpty else {
            if call.version >= "2.37", asked == nil { throw .field("server.networks", "is required") }
            return [.automatic]
        }
        var requests: [NetworkRequest] = []
        for (index, network) in list.enumerated() {
            let port = network["port"]?.string
            guard port != nil || network["uuid"] != nil else {
                throw .field("server.networks[\(index)]", "must name a uuid or a port")
            }
            requests.append(
                NetworkRequest(
                    network: port == nil ? network["uuid"]?.string : nil, port: port,
                    fixedIP: network["fixed_ip"]?.string,
                    tag: network["tag"]?.string))
        }
        return requests
    }

    private func image() async throws(Failure) -> BootImage? {
        guard let id = body.text("imageRef"), !id.isEmpty else {
            guard body.has("block_device_mapping_v2") || body.has("block_device_mapping") else {
                throw .invalid("Invalid imageRef provided.")
            }
            return nil
        }
        return try await BootImage.load(id, call)
    }

    /// Networks and ports that aren't there, or aren't the caller's, are an error now, not a failed build later.
    private func checkNetworks(_ requests: [NetworkRequest]) async throws(Failure) {
        for request in requests {
            if let id = request.network {
                do throws(Failure) { _ = try await ask("/v2.0/networks/\(id)") } catch
                    where error.kind == .notFound
                { throw .invalid("Network \(id) could not be found.") }
            }
            guard let id = request.port else { continue }
            let port: JSON
            do throws(Failure) { port = try await ask("/v2.0/ports/\(id)")["port"] ?? .null } catch
                where error.kind == .notFound
            { throw .invalid("Port id \(id) could not be found.") }
            guard port["device_id"]?.string?.isEmpty != false else { throw .conflict("Port \(id) is still in use.") }
        }
        guard requests == [.automatic] else { return }
        let own = try await ask("/v2.0/networks?fields=id&project_id=\(call.caller.projectID ?? "")")
        let count = own["networks"]?.array?.count ?? 0
        guard count <= 1 else {
            throw .conflict("Multiple possible networks found, use a Network ID to be more specific.")
        }
        // Who says "auto" and has no network gets one; who says nothing does without.
        guard count == 0, body["networks"]?.string == "auto" else { return }
        do throws(Failure) {
            _ = try await ask("/v2.0/auto-allocated-topology/\(call.caller.projectID ?? "")")
        } catch {
            throw .invalid("Unable to automatically allocate a network for this project: \(error.message)")
        }
    }

    private func ask(_ path: String) async throws(Failure) -> JSON {
        try await call.service.neighbours.network.ask("GET", path, token: call.caller.token).json
    }

    /// Groups that don't exist are an error now, not a failed build later.
    private func checkSecurityGroups() async throws(Failure) {
        for name in Set(securityGroups) where name != "default" {
            let found = try await call.service.neighbours.network.ask(
                "GET", "/v2.0/security-groups?fields=id&fields=name", token: call.caller.token
            ).json
            let known =
                found["security_groups"]?.array?.contains { $0["name"]?.string == name || $0["id"]?.string == name }
                ?? false
            guard known else {
                throw .invalid("Security group \(name) not found for project \(call.caller.projectID ?? "").")
            }
        }
    }

    private var securityGroups: [String] {
        body["security_groups"]?.array?.compactMap { $0["name"]?.string } ?? ["default"]
    }

    // MARK: The server

    /// All of a server that doesn't depend on what the database says.
    private struct Template: Sendable {
        let project: String
        let user: String
        let name: String
        let hostname: String?
        let zone: String
        let host: String?
        let body: JSON.Object
        let securityGroups: [String]
        let particulars: Particulars

        func server(
            flavor: Flavor, image: String?, key: Keypair?, networks: [NetworkRequest], reservation: String, index: Int,
            wishes: Wishes, count: Int, now: Moment, chance: any Chance
        ) -> Server {
            let name = count == 1 ? name : "\(name)-\(index + 1)"
            return Server(
                id: .uuid(chance), project: project, user: user, name: name,
                hostname: hostname ?? Server.hostname(from: name), state: .building, task: .scheduling, power: .none,
                host: nil, zone: zone, flavor: flavor, image: image, keyName: key?.name, publicKey: key?.publicKey,
                userData: body.text("user_data"), metadata: body["metadata"]?.object ?? JSON.Object(),
                hasConfigDrive: body.boolean("config_drive") ?? false, description: body.text("description"),
                isLocked: false, lockedReason: nil, accessV4: body.text("accessIPv4").canonicalAddress,
                accessV6: body.text("accessIPv6").canonicalAddress, networks: networks, interfaces: [],
                securityGroups: securityGroups, tags: body["tags"]?.array?.compactMap(\.string) ?? [], fault: nil,
                reservation: reservation, launchIndex: index, wishes: wishes, created: now, updated: now, launched: nil,
                terminated: nil
            )
        }

        func boot(_ server: Server, _ body: JSON.Object) -> BootServer.State {
            BootServer.State(
                server: server.id, wantedZone: body.text("availability_zone") == nil ? nil : zone, wantedHost: host,
                hasVolumes: !server.volumes.isEmpty)
        }
    }

    static func checkUserData(_ data: String?, _ place: String) throws(Failure) {
        guard let data else { return }
        guard Base64.standard.lenientlyPadded.bytes(data.filter { !$0.isWhitespace }) != nil else {
            throw .field(place, "must be base64")
        }
    }

    private func checkMetadata() throws(Failure) {
        let limit = call.service.settings.metadataItems
        guard (body["metadata"]?.object?.members.count ?? 0) <= limit else {
            throw .forbidden("Maximum number of metadata items exceeds \(limit)")
        }
    }

    private var particulars: Particulars {
        var particulars = Particulars()
        particulars.diskConfig = body.text("OS-DCF:diskConfig") ?? "MANUAL"
        particulars.trustedCertificates = body["trusted_image_certificates"]?.array?.compactMap(\.string)
        particulars.pinnedZone = body.text("availability_zone")?.split(separator: ":").first.map(String.init)
        return particulars
    }

    private func template() async throws(Failure) -> Template {
        try CreateServer.checkUserData(body.text("user_data"), "server.user_data")
        try checkMetadata()
        for (index, file) in (body["personality"]?.array ?? []).enumerated() {
            let contents = file["contents"]?.string ?? ""
            guard Base64.standard.lenientlyPadded.bytes(contents.filter { !$0.isWhitespace }) != nil else {
                throw .field("server.personality[\(index)].contents", "must be base64")
            }
        }
        let parts = (body.text("availability_zone") ?? call.service.settings.defaultZone).split(separator: ":").map(
            String.init)
        let host = body.text("host") ?? body.text("hypervisor_hostname") ?? (parts.count > 1 ? parts[1] : nil)
        if host != nil { try call.require(parts.count > 1 ? .forceHost : .requestDestination) }
        if body.has("availability_zone"), let zone = parts.first, !zone.isEmpty {
            try await call.service.checkZone(zone)
        }
        if let host { try await checkHost(host) }
        guard body.text("availability_zone") == nil || parts.count <= 3 else {
            throw .invalid("Invalid availability zone: \(body.text("availability_zone") ?? "")")
        }
        return Template(
            project: call.caller.projectID ?? "", user: call.caller.user.id, name: try body.required("name").trimmed,
            hostname: body.text("hostname"), zone: parts.first ?? call.service.settings.defaultZone, host: host,
            body: body, securityGroups: securityGroups, particulars: particulars)
    }

    private func checkHost(_ name: String) async throws(Failure) {
        let hosts = try await call.service.database.read { try $0.computeHosts("compute_host.name = \(name)") }
        guard !hosts.isEmpty else { throw .invalid("Compute host \(name) could not be found.") }
    }
}

extension BlockDevices {
    /// Each server has bonds of its own, though their sources are the same.
    fileprivate func volumes(for index: Int, _ chance: any Chance) -> [ServerVolume] {
        guard index > 0 else { return volumes }
        return volumes.map { volume in
            ServerVolume(
                id: UUID(chance).dashed, source: volume.source, sourceID: volume.sourceID, volume: volume.volume,
                device: volume.device, tag: volume.tag, isDeletedWithServer: volume.isDeletedWithServer,
                isRoot: volume.isRoot, size: volume.size, type: volume.type)
        }
    }
}

extension NetworkRequest {
    /// Whatever network the project has.
    static let automatic = NetworkRequest(network: nil, port: nil, fixedIP: nil, tag: nil)
}

extension Server {
    /// A name that is one on the network, too: letters, digits and dashes, 63 of them at most.
    static func hostname(from name: String) -> String {
        var text = ""
        for scalar in name.lowercased().unicodeScalars {
            if scalar.isASCII,
                scalar.properties.isAlphabetic || scalar.properties.numericType != nil || scalar == "-" || scalar == "."
            {
                text.unicodeScalars.append(scalar)
            } else if scalar == " " || scalar == "_" {
                text.append("-")
            }
        }
        let cut = String(text.prefix(63).drop { $0 == "-" || $0 == "." })
        return cut.isEmpty ? "server" : cut
    }
}

extension Transaction {
    /// How many servers of a flavor still fit into the quotas of a project and its user: at least so many, or none.
    fileprivate func reserve(
        _ flavor: Flavor, minimum: Int, maximum: Int, _ call: Call<Compute>
    ) throws(Failure) -> Int {
        let (project, user, settings) = (call.caller.projectID ?? "", call.caller.user.id, call.service.settings)
        var count = maximum
        let limits = try limits(of: project, settings)
        let (items, most) = (call.body["server"]?["metadata"]?.object?.members.count ?? 0, limits["metadata_items"])
        guard most < 0 || items <= most else {
            throw .forbidden("Maximum number of metadata items exceeds \(most)")
        }
        try narrow(&count, to: limits, try usage(of: project), flavor, minimum: minimum)
        let own = try userLimits(of: user, in: project)
        guard !own.isEmpty else { return count }
        var ownLimits = limits
        ownLimits.set(own)
        try narrow(&count, to: ownLimits, try usage(of: project, user: user), flavor, minimum: minimum)
        return count
    }

    private func narrow(
        _ count: inout Int, to limits: QuotaLimits, _ usage: ServerUsage, _ flavor: Flavor, minimum: Int
    ) throws(Failure) {
        let parts: [(name: String, used: Int, each: Int)] = [
            ("instances", usage.instances, 1), ("cores", usage.cores, flavor.vcpus),
            ("ram", usage.memory, flavor.memory),
        ]
        for part in parts where limits[part.name] >= 0 && part.each > 0 {
            let limit = limits[part.name]
            count = min(count, max(0, limit - part.used) / part.each)
            guard count >= minimum else {
                throw .forbidden(
                    "Quota exceeded for \(part.name): Requested \(part.each * minimum), but already used \(part.used) of \(limit) \(part.name)"
                )
            }
        }
    }

    /// The group that a user's servers are to join, if it has room for them.
    fileprivate func joined(
        _ id: ID<ServerGroup>, _ count: Int, _ call: Call<Compute>
    ) throws(Failure) -> ID<ServerGroup> {
        let (project, user) = (call.caller.projectID ?? "", call.caller.user.id)
        let absent = Failure.invalid("Instance group \(id) could not be found.")
        let group = try serverGroup(id, in: .when("project_id", project), absent: absent)
        let limit = try limits(of: project, user: user, call.service.settings)["server_group_members"]
        guard limit < 0 || group.members.count + count <= limit else {
            throw .forbidden("Quota exceeded, too many servers in group")
        }
        return group.id
    }
}

extension Rule {
    static let forceHost = Rule("os_compute_api:servers:create:forced_host", "Choose a server's host", May.admin)
    static let requestDestination = Rule(
        "compute:servers:create:requested_destination", "Ask for a server's host", May.admin)
}
