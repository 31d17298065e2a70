import API
import Base
import Contracts
import SQL

/// What is wished of the host that a server gets, beside room.
struct Wishes: Sendable, Hashable {
    var group: ID<ServerGroup>?
    /// As the user gave them.
    var hints: JSON.Object
    /// Those properties of the image that say what it needs.
    var image: JSON.Object

    static let none = Wishes(group: nil, hints: JSON.Object(), image: JSON.Object())

    static let added = Migration(
        "keep what servers wish of hosts",
        "ALTER TABLE compute_server ADD COLUMN group_id VARCHAR(64)",
        "ALTER TABLE compute_server ADD COLUMN hints MEDIUMTEXT",
        "ALTER TABLE compute_server ADD COLUMN image_needs MEDIUMTEXT",
        "ALTER TABLE compute_server ADD COLUMN disk BIGINT NOT NULL DEFAULT 0",
        "CREATE INDEX compute_server_by_group ON compute_server (group_id)")
}

extension Wishes {
    init(group: ID<ServerGroup>?, hints: JSON.Object, image: JSON?) {
        self.group = group
        self.hints = hints
        self.image = JSON.Object((image?.object?.members ?? []).filter { Wishes.isNeed($0.name) })
    }

    private static let needs = ["hw_", "os_", "img_", "trait:", "hypervisor_", "vm_mode", "architecture"]

    private static func isNeed(_ name: String) -> Bool {
        name != "os_hash_algo" && name != "os_hash_value" && name != "os_hidden"
            && needs.contains { name.hasPrefix($0) }
    }

    init(_ row: borrowing Row) throws(Failure) {
        self.init(
            group: try row.optionalID("group_id"), hints: try row.optionalObject("hints"),
            image: .object(try row.optionalObject("image_needs")))
    }
}

extension Row {
    fileprivate func optionalObject(_ column: StaticString) throws(Failure) -> JSON.Object {
        guard let text = try optionalText(column), text != "{}" else { return JSON.Object() }
        return try JSONReader.read(text).object ?? JSON.Object()
    }
}

extension Server {
    /// What is asked of the scheduler for it, as it is or as it is to become.
    func request(
        _ flavor: Flavor? = nil, zone: String?, host: String? = nil, avoid: [String] = [], migration: String? = nil
    ) -> HostRequest {
        let flavor = flavor ?? self.flavor
        let disk = (isVolumeBacked ? 0 : flavor.disk) + flavor.ephemeral + (flavor.swap + 1_023) / 1_024
        return HostRequest(
            server: id.text, user: user, project: project, vcpus: flavor.vcpus, memory: flavor.memory, disk: disk,
            zone: zone, host: host, avoid: avoid, extraSpecs: flavor.extraSpecs, image: wishes.image,
            hints: wishes.hints, group: wishes.group?.text, migration: migration)
    }
}

extension Transaction {
    /// Refuses a host that goes against the policy of a server's group by now: several schedulers may have chosen at
    /// the same time. Then another try finds a better one.
    func keepGroup(of server: Server, on host: String) throws(Failure) {
        guard let id = server.wishes.group, let group = try serverGroups("id = \(id)").first else { return }
        let members = Situation.Group(group: group, hosts: try hosts(of: id, without: server.id))
        guard members.allows(host) else {
            throw .unavailable("Another server of the group \(group.name) was placed at the same time.")
        }
    }
}

// MARK: What users say

extension Wishes {
    private static let servers: Shape = .either([.uuid, .list(of: .uuid)])

    /// Drivers and filters may have hints of their own, so others are let through.
    static let shape: Shape = .object(
        Fields(
            [
                .optional("group", .either([.uuid, .list(of: .uuid)])), .optional("different_host", servers),
                .optional("same_host", .either([.text, .list(of: .uuid)])),
                .optional("query", .either([.text, .object(Fields([], others: .allowed))])),
                .optional("target_cell", .name), .optional("different_cell", .either([.text, .list(of: .text)])),
                .optional("build_near_host_ip", .text(2...45, format: .ipAddress)), .optional("cidr", .text(2...50)),
            ], others: .allowed))

    static let names = ["os:scheduler_hints", "OS-SCH-HNT:scheduler_hints"]

    static func hints(in body: JSON) -> JSON.Object {
        names.lazy.compactMap { body[$0]?.object }.first ?? JSON.Object()
    }

    /// The group that is named among the hints.
    static func group(in hints: JSON.Object) -> ID<ServerGroup>? {
        (hints.text("group") ?? hints["group"]?.array?.first?.string).map { ID($0) }
    }
}
