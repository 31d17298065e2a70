import API
import Base

/// What once were extensions, by the names that clients still ask for. All of it is part of the API now.
enum Extensions {
    static let endpoints: [Endpoint<BlockStorage>] = [
        Endpoint("GET", "/extensions", "List extensions", access: .authenticated, list),
        Endpoint("GET", "/extensions/{alias}", "Show an extension", access: .authenticated, show),
    ]

    private static let all: [(alias: String, name: String, summary: String)] = [
        ("OS-SCH-HNT", "SchedulerHints", "Pass arbitrary key/value pairs to the scheduler."),
        ("backups", "Backups", "Backups support."),
        ("capabilities", "Capabilities", "Capabilities support."),
        ("encryption", "VolumeTypeEncryption", "Encryption support for volume types."),
        ("os-admin-actions", "AdminActions", "Enable admin actions."),
        ("os-availability-zone", "AvailabilityZones", "Describe Availability Zones."),
        ("os-extended-services", "ExtendedServices", "Extended services support."),
        ("os-extended-snapshot-attributes", "ExtendedSnapshotAttributes", "Extended SnapshotAttributes support."),
        ("os-hosts", "Hosts", "Admin-only host administration."),
        ("os-quota-class-sets", "QuotaClasses", "Quota classes management support."),
        ("os-quota-sets", "Quotas", "Quota management support."),
        ("os-services", "Services", "Services support."),
        ("os-snapshot-actions", "SnapshotActions", "Enable snapshot manager actions."),
        ("os-snapshot-manage", "SnapshotManage", "Allows existing backend storage to be 'managed' by Cinder."),
        ("os-snapshot-unmanage", "SnapshotUnmanage", "Enable volume unmanage operation."),
        ("os-types-extra-specs", "TypesExtraSpecs", "Type extra specs support."),
        ("os-types-manage", "TypesManage", "Types manage support."),
        ("os-used-limits", "UsedLimits", "Provide data on limited resources that are being used."),
        ("os-vol-host-attr", "VolumeHostAttribute", "Expose host as an attribute of a volume."),
        ("os-vol-image-meta", "VolumeImageMetadata", "Show image metadata associated with the volume."),
        ("os-vol-mig-status-attr", "VolumeMigStatusAttribute", "Expose migration_status as an attribute of a volume."),
        ("os-vol-tenant-attr", "VolumeTenantAttribute", "Expose the internal project_id as an attribute of a volume."),
        ("os-volume-actions", "VolumeActions", "Enable volume actions."),
        ("os-volume-encryption-metadata", "VolumeEncryptionMetadata", "Volume encryption metadata retrieval support."),
        ("os-volume-manage", "VolumeManage", "Allows existing backend storage to be 'managed' by Cinder."),
        ("os-volume-transfer", "VolumeTransfer", "Volume transfer management support."),
        ("os-volume-type-access", "VolumeTypeAccess", "Volume type access support."),
        ("os-volume-unmanage", "VolumeUnmanage", "Enable volume unmanage operation."),
        ("qos-specs", "Qos_specs_manage", "QoS specs support."),
        ("scheduler-stats", "Scheduler_stats", "Scheduler stats support."),
    ]

    private static func list(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        .json { json in
            json.array("extensions", of: all) { one, json in json.object { write(one, to: &$0) } }
        }
    }

    private static func show(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        guard let one = all.first(where: { $0.alias == call["alias"] }) else {
            throw .noSuch("Extension", call["alias"])
        }
        return .json { $0.object("extension") { write(one, to: &$0) } }
    }

    private static func write(_ one: (alias: String, name: String, summary: String), to json: inout JSONWriter) {
        json.put("name", one.name)
        json.put("alias", one.alias)
        json.put("description", one.summary)
        json.put("updated", "2011-08-24T00:00:00+00:00")
        json.array("links") { _ in }
    }
}
