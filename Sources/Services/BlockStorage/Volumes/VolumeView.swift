import API
import Base
import Policy
import SQL

/// How volumes look on the wire, with what belongs to them: read once for all of a list.
struct VolumeView: Sendable {
    let call: Call<BlockStorage>
    let kind: Kind
    private var attachments: [ID<Volume>: [Attachment]] = [:]

    /// All that makes one view differ from another.
    struct Kind: Hashable {
        let version: Microversion
        /// Links lead to where the caller came from.
        let home: String
        let isAdmin: Bool
        let seesAttachedHost: Bool
        let seesHost: Bool
        let seesProject: Bool
        let seesMigration: Bool
        /// The ids of the services by the backends that they have.
        let services: [String: String]
    }

    init(_ call: Call<BlockStorage>, of volume: Volume? = nil, _ tx: Transaction) throws(Failure) {
        self.call = call
        var services: [String: String] = [:]
        if call.version >= "3.48" {
            for service in try tx.volumeServices("cinder-volume") { services[service.host] = service.id }
        }
        let target = volume.map { ["project_id": $0.project, "user_id": $0.user] } ?? call.ownTarget
        kind = Kind(
            version: call.version, home: call.home, isAdmin: call.caller.isAdmin,
            seesAttachedHost: call.caller.isAdmin || call.caller.has(role: "service"),
            seesHost: call.allows(.seeVolumeHost, of: target), seesProject: call.allows(.seeVolumeProject, of: target),
            seesMigration: call.allows(.seeVolumeMigration, of: target), services: services)
        if let volume { try add([volume], tx) }
    }

    /// Reads what belongs to some volumes that are to be written.
    mutating func add(_ volumes: [Volume], _ tx: Transaction) throws(Failure) {
        guard !volumes.isEmpty else { return }
        let all: [Attachment] = try tx.rows(
            """
            SELECT * FROM volume_attachment WHERE volume_id IN \(SQL.list(volumes.map(\.id)))
                AND status = \(AttachStatus.attached) ORDER BY position
            """)
        attachments = Dictionary(grouping: all, by: \.volume)
    }

    func write(_ volume: Volume, to json: inout JSONWriter) {
        writeChanged(volume, to: &json)
        writeOthers(volume, to: &json)
    }

    /// What is answered to a change: without what once were extensions.
    func writeChanged(_ volume: Volume, to json: inout JSONWriter) {
        json.put("id", volume.id)
        json.put("status", volume.status.shown)
        json.put("size", volume.size)
        json.put("availability_zone", volume.zone)
        json.put("created_at", volume.created, as: .bare)
        json.put("updated_at", volume.updated, as: .bare)
        json.put("name", volume.name)
        json.put("description", volume.description)
        json.put("volume_type", volume.typeName)
        json.put("snapshot_id", volume.snapshot)
        json.put("source_volid", volume.source)
        var metadata = volume.metadata
        if volume.isReadOnlySaid { metadata["readonly"] = volume.isReadOnly ? "True" : "False" }
        json.put("metadata", .object(metadata))
        call.writeLinks("volumes", volume.id.text, to: &json)
        json.put("user_id", volume.user)
        json.put("bootable", volume.isBootable ? "true" : "false")
        json.put("encrypted", false)
        json.putNull("replication_status")
        json.putNull("consistencygroup_id")
        json.put("multiattach", volume.isMultiattach)
        if kind.isAdmin { json.put("migration_status", volume.migrationStatus) }
        writeAttachments(volume, to: &json)
        writeNewer(volume, to: &json)
    }

    private func writeAttachments(_ volume: Volume, to json: inout JSONWriter) {
        json.array("attachments", of: attachments[volume.id] ?? []) { attachment, json in
            json.object {
                $0.put("id", volume.id)
                $0.put("attachment_id", attachment.id)
                $0.put("volume_id", volume.id)
                $0.put("server_id", attachment.instance)
                $0.put("host_name", kind.seesAttachedHost ? attachment.host : nil)
                $0.put("device", attachment.mountpoint)
                $0.put("attached_at", attachment.attached, as: .bare)
            }
        }
    }

    /// What was once added by extensions, each with a rule of its own.
    private func writeOthers(_ volume: Volume, to json: inout JSONWriter) {
        if kind.seesHost { json.put("os-vol-host-attr:host", volume.host) }
        if kind.seesProject { json.put("os-vol-tenant-attr:tenant_id", volume.project) }
        if kind.seesMigration {
            json.put("os-vol-mig-status-attr:migstat", volume.migrationStatus)
            json.putNull("os-vol-mig-status-attr:name_id")
        }
        if let image = volume.imageMetadata { json.put("volume_image_metadata", .object(image)) }
    }

    private func writeNewer(_ volume: Volume, to json: inout JSONWriter) {
        let version = kind.version
        if version >= "3.13" { json.put("group_id", volume.group) }
        if version >= "3.21", kind.isAdmin { json.putNull("provider_id") }
        if version >= "3.48" {
            json.put("shared_targets", false)
            json.put("service_uuid", volume.host.flatMap { kind.services[Place($0).backend] })
        }
        if version >= "3.61", kind.isAdmin { json.putNull("cluster_name") }
        if version >= "3.63" { json.put("volume_type_id", volume.type) }
        if version >= "3.65" { json.put("consumes_quota", volume.countsForQuota) }
    }
}

extension Rule {
    static let seeVolumeHost = Rule("volume_extension:volume_host_attribute", "See where a volume lies", May.admin)
    static let seeVolumeProject = Rule(
        "volume_extension:volume_tenant_attribute", "See whose project a volume is", May.reader)
    static let seeVolumeMigration = Rule(
        "volume_extension:volume_mig_status_attribute", "See how a volume's migration goes", May.admin)
}
