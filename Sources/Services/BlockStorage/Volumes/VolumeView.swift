import API
import Base
import Policy
import SQL

/// How volumes look on the wire, with what belongs to them: read once for all of a list.
struct VolumeView: Sendable {
    let call: Call<BlockStorage>
    private var attachments: [ID<Volume>: [Attachment]] = [:]
    private var services: [String: String] = [:]

    init(_ call: Call<BlockStorage>, _ volumes: [Volume], _ tx: Transaction) throws(Failure) {
        self.call = call
        guard !volumes.isEmpty else { return }
        let all: [Attachment] = try tx.rows(
            """
            SELECT * FROM volume_attachment WHERE volume_id IN \(SQL.list(volumes.map(\.id)))
                AND status = \(AttachStatus.attached) ORDER BY position
            """)
        attachments = Dictionary(grouping: all, by: \.volume)
        if call.version >= "3.48" {
            for service in try tx.volumeServices("cinder-volume") { services[service.host] = service.id }
        }
    }

    func writeBrief(_ volume: Volume, to json: inout JSONWriter) {
        json.put("id", volume.id)
        json.put("name", volume.name)
        call.writeLinks("volumes", volume.id.text, to: &json)
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
        if call.caller.isAdmin { json.put("migration_status", volume.migrationStatus) }
        writeAttachments(volume, to: &json)
        writeNewer(volume, to: &json)
    }

    private func writeAttachments(_ volume: Volume, to json: inout JSONWriter) {
        let seesHost = call.caller.isAdmin || call.caller.has(role: "service")
        json.array("attachments", of: attachments[volume.id] ?? []) { attachment, json in
            json.object {
                $0.put("id", volume.id)
                $0.put("attachment_id", attachment.id)
                $0.put("volume_id", volume.id)
                $0.put("server_id", attachment.instance)
                $0.put("host_name", seesHost ? attachment.host : nil)
                $0.put("device", attachment.mountpoint)
                $0.put("attached_at", attachment.attached, as: .bare)
            }
        }
    }

    /// What was once added by extensions, each with a rule of its own.
    private func writeOthers(_ volume: Volume, to json: inout JSONWriter) {
        let target = ["project_id": volume.project, "user_id": volume.user]
        if call.allows(.seeVolumeHost, of: target) { json.put("os-vol-host-attr:host", volume.host) }
        if call.allows(.seeVolumeProject, of: target) { json.put("os-vol-tenant-attr:tenant_id", volume.project) }
        if call.allows(.seeVolumeMigration, of: target) {
            json.put("os-vol-mig-status-attr:migstat", volume.migrationStatus)
            json.putNull("os-vol-mig-status-attr:name_id")
        }
        if let image = volume.imageMetadata { json.put("volume_image_metadata", .object(image)) }
    }

    private func writeNewer(_ volume: Volume, to json: inout JSONWriter) {
        let version = call.version
        if version >= "3.13" { json.put("group_id", volume.group) }
        if version >= "3.21", call.caller.isAdmin { json.putNull("provider_id") }
        if version >= "3.48" {
            json.put("shared_targets", false)
            json.put("service_uuid", volume.host.flatMap { services[Place($0).backend] })
        }
        if version >= "3.61", call.caller.isAdmin { json.putNull("cluster_name") }
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
