import API
import Base
import HTTP
import Policy

/// What there was of extensions before versions of the API took their place: all are always there.
enum ExtensionAPI {
    static let endpoints: [Endpoint<Compute>] = [
        Endpoint("GET", "/extensions", "List extensions", access: .decided(by: [.showExtensions]), list),
        Endpoint("GET", "/extensions/{alias}", "Show an extension", access: .decided(by: [.showExtensions]), show),
    ]

    private static func list(_ call: Call<Compute>) async throws(Failure) -> Reply {
        try call.require(.showExtensions)
        return .json { json in
            json.array("extensions", of: all) { entry, json in json.object { write(entry, to: &$0) } }
        }
    }

    private static func show(_ call: Call<Compute>) async throws(Failure) -> Reply {
        try call.require(.showExtensions)
        let alias = call["alias"]
        guard let found = all.first(where: { $0.alias == alias }) else {
            throw Failure(.notFound, "The resource could not be found.")
        }
        return .json { $0.object("extension") { write(found, to: &$0) } }
    }

    private static func write(_ entry: (alias: String, name: String), to json: inout JSONWriter) {
        json.put("alias", entry.alias)
        json.put("name", entry.name)
        json.put("description", "\(entry.name), a part of the Compute API.")
        json.array("links") { _ in }
        json.put("namespace", "http://docs.openstack.org/compute/ext/fake_xml")
        json.put("updated", "2014-12-03T00:00:00Z")
    }

    private static let all: [(alias: String, name: String)] = [
        ("NMN", "Multinic"), ("OS-DCF", "DiskConfig"), ("OS-EXT-AZ", "ExtendedAvailabilityZone"),
        ("OS-EXT-IMG-SIZE", "ImageSize"), ("OS-EXT-IPS", "ExtendedIps"), ("OS-EXT-IPS-MAC", "ExtendedIpsMac"),
        ("OS-EXT-SRV-ATTR", "ExtendedServerAttributes"), ("OS-EXT-STS", "ExtendedStatus"),
        ("OS-FLV-DISABLED", "FlavorDisabled"), ("OS-FLV-EXT-DATA", "FlavorExtraData"),
        ("OS-SCH-HNT", "SchedulerHints"), ("OS-SRV-USG", "ServerUsage"), ("os-access-ips", "AccessIPs"),
        ("os-admin-actions", "AdminActions"), ("os-admin-password", "AdminPassword"), ("os-agents", "Agents"),
        ("os-aggregates", "Aggregates"), ("os-assisted-volume-snapshots", "AssistedVolumeSnapshots"),
        ("os-attach-interfaces", "AttachInterfaces"), ("os-availability-zone", "AvailabilityZone"),
        ("os-baremetal-ext-status", "BareMetalExtStatus"), ("os-baremetal-nodes", "BareMetalNodes"),
        ("os-block-device-mapping", "BlockDeviceMapping"),
        ("os-block-device-mapping-v2-boot", "BlockDeviceMappingV2Boot"), ("os-cell-capacities", "CellCapacities"),
        ("os-cells", "Cells"), ("os-certificates", "Certificates"), ("os-cloudpipe", "Cloudpipe"),
        ("os-cloudpipe-update", "CloudpipeUpdate"), ("os-config-drive", "ConfigDrive"),
        ("os-console-auth-tokens", "ConsoleAuthTokens"), ("os-console-output", "ConsoleOutput"),
        ("os-consoles", "Consoles"), ("os-create-backup", "CreateBackup"),
        ("os-create-server-ext", "Createserverext"), ("os-deferred-delete", "DeferredDelete"),
        ("os-evacuate", "Evacuate"), ("os-extended-evacuate-find-host", "ExtendedEvacuateFindHost"),
        ("os-extended-floating-ips", "ExtendedFloatingIps"), ("os-extended-hypervisors", "ExtendedHypervisors"),
        ("os-extended-networks", "ExtendedNetworks"), ("os-extended-quotas", "ExtendedQuotas"),
        ("os-extended-rescue-with-image", "ExtendedRescueWithImage"), ("os-extended-services", "ExtendedServices"),
        ("os-extended-services-delete", "ExtendedServicesDelete"), ("os-extended-status", "ExtendedStatus"),
        ("os-extended-volumes", "ExtendedVolumes"), ("os-fixed-ips", "FixedIPs"),
        ("os-flavor-access", "FlavorAccess"), ("os-flavor-extra-specs", "FlavorExtraSpecs"),
        ("os-flavor-manage", "FlavorManage"), ("os-flavor-rxtx", "FlavorRxtx"), ("os-flavor-swap", "FlavorSwap"),
        ("os-floating-ip-dns", "FloatingIpDns"), ("os-floating-ip-pools", "FloatingIpPools"),
        ("os-floating-ips", "FloatingIps"), ("os-floating-ips-bulk", "FloatingIpsBulk"), ("os-fping", "Fping"),
        ("os-hide-server-addresses", "HideServerAddresses"), ("os-hosts", "Hosts"),
        ("os-hypervisor-status", "HypervisorStatus"), ("os-hypervisors", "Hypervisors"),
        ("os-instance-actions", "InstanceActions"), ("os-instance_usage_audit_log", "OSInstanceUsageAuditLog"),
        ("os-keypairs", "Keypairs"), ("os-lock-server", "LockServer"), ("os-migrate-server", "MigrateServer"),
        ("os-migrations", "Migrations"), ("os-multiple-create", "MultipleCreate"), ("os-networks", "Networks"),
        ("os-networks-associate", "NetworkAssociationSupport"), ("os-pause-server", "PauseServer"),
        ("os-personality", "Personality"), ("os-preserve-ephemeral-rebuild", "PreserveEphemeralOnRebuild"),
        ("os-quota-class-sets", "QuotaClasses"), ("os-quota-sets", "Quotas"), ("os-rescue", "Rescue"),
        ("os-security-group-default-rules", "SecurityGroupDefaultRules"), ("os-security-groups", "SecurityGroups"),
        ("os-server-diagnostics", "ServerDiagnostics"), ("os-server-external-events", "ServerExternalEvents"),
        ("os-server-group-quotas", "ServerGroupQuotas"), ("os-server-groups", "ServerGroups"),
        ("os-server-list-multi-status", "ServerListMultiStatus"), ("os-server-password", "ServerPassword"),
        ("os-server-sort-keys", "ServerSortKeys"), ("os-server-start-stop", "ServerStartStop"),
        ("os-services", "Services"), ("os-shelve", "Shelve"), ("os-simple-tenant-usage", "SimpleTenantUsage"),
        ("os-suspend-server", "SuspendServer"), ("os-tenant-networks", "OSTenantNetworks"),
        ("os-used-limits", "UsedLimits"), ("os-used-limits-for-admin", "UsedLimitsForAdmin"),
        ("os-user-data", "UserData"), ("os-user-quotas", "UserQuotas"),
        ("os-virtual-interfaces", "VirtualInterfaces"), ("os-volume-attachment-update", "VolumeAttachmentUpdate"),
        ("os-volumes", "Volumes"),
    ]
}

extension Rule {
    static let showExtensions = Rule("os_compute_api:extensions", "List extensions", May.anyone)
}
