"""Tempest's own sections, from the facts about a cloud. An option of None is left to Tempest's default."""

import os
import pathlib

SCOPED = ["nova", "neutron", "glance", "cinder", "keystone", "placement"]
SCOPED += ["barbican", "designate", "manila", "magnum", "ironic"]
# Given to every user that Tempest makes, also to those that are to be nothing but readers.
ROLES = ["creator", "load-balancer_member"]


def core(facts, home: pathlib.Path) -> dict[str, dict]:
    auth, many, newest = facts.auth, facts.hosts > 1, facts.newest_claimed
    outside = facts.outside
    ssh = os.environ.get("GUEST_SSH", "1") == "1"
    guest_user = os.environ.get("GUEST_USER", "cirros")
    guest_password = os.environ.get("GUEST_PASSWORD", "gocubsgo")
    return {
        "DEFAULT": {"log_dir": home / "logs", "log_file": "tempest.log"},
        "oslo_concurrency": {"lock_path": home / "locks"},
        "auth": {
            "use_dynamic_credentials": True,
            "admin_username": auth["username"],
            "admin_password": auth["password"],
            "admin_project_name": auth["project"],
            "admin_domain_name": auth["user_domain"],
            "admin_user_domain_name": auth["user_domain"],
            "admin_project_domain_name": auth["project_domain"],
            "admin_system": "all",
            "default_credentials_domain_name": "Default",
            # Without any, those of whom nothing else is said are members.
            "tempest_roles": ",".join(["member", *more] if (more := [r for r in ROLES if r in facts.roles]) else []),
        },
        "identity": {
            "uri_v3": facts.v3,
            "auth_version": "v3",
            "region": facts.cloud.region,
            "admin_role": "admin",
            "v3_endpoint_type": "public",
            "default_domain_id": "default",
            "user_lockout_failure_attempts": 2,
            "user_lockout_duration": 5,
            "user_unique_last_password_count": 2,
            "user_minimum_password_age": 0,
        },
        "identity-feature-enabled": {
            "security_compliance": newest,
            "trust": True,
            "access_rules": True,
            "api_v2": False,
            "federation": False,
            "external_idp": False,
            "domain_specific_drivers": False,
            "api_extensions": "all",
        },
        "enforce_scope": dict.fromkeys(SCOPED, True),
        "dashboard": {"dashboard_url": os.environ.get("DASHBOARD_URL")},
        "compute": {
            "image_ref": facts.image,
            "image_ref_alt": facts.other_image,
            "flavor_ref": facts.flavor,
            "flavor_ref_alt": facts.other_flavor,
            "min_compute_nodes": facts.hosts,
            "max_microversion": facts.cloud.newest("nova") or "latest",
            "volume_device_name": "vdb",
            "hypervisor_type": facts.hypervisor or "QEMU",
        },
        "compute-feature-enabled": {
            "resize": True,
            "cold_migration": many,
            "live_migration": many,
            "block_migration_for_live_migration": many,
            "live_migrate_back_and_forth": many,
            "volume_backed_live_migration": many,
            "shelve": True,
            "pause": True,
            "suspend": True,
            "rescue": True,
            "stable_rescue": newest,
            "snapshot": True,
            "change_password": False,
            "console_output": True,
            "vnc_console": newest,
            "serial_console": False,
            "spice_console": False,
            "interface_attach": True,
            "config_drive": True,
            "metadata_service": True,
            "personality": False,
            "attach_encrypted_volume": newest,
            "volume_multiattach": newest,
            "swap_volume": newest,
            "ide_bus": True,
            "disk_config": True,
            "enable_instance_password": True,
            "hostname_fqdn_sanitization": True,
            "scheduler_enabled_filters": "all",
            "nova_policy_roles": ",".join(sorted(facts.roles & {"admin", "manager", "member", "reader", "service"})),
        },
        "network": {
            "public_network_id": outside.id if outside else None,
            "floating_network_name": outside.name if outside else None,
            "project_networks_reachable": False,
            "shared_physical_network": False,
        },
        "network-feature-enabled": {
            "ipv6": True,
            "ipv6_subnet_attributes": True,
            "port_security": newest or "port-security" in facts.extensions,
            "port_admin_state_change": True,
            "floating_ips": True,
            "api_extensions": "all" if newest or not facts.extensions else ",".join(facts.extensions),
            "available_features": "all",
        },
        "validation": {
            "run_validation": ssh,
            "connect_method": "floating",
            "auth_method": "keypair",
            "ssh_key_type": "ecdsa",
            "image_ssh_user": guest_user,
            "image_alt_ssh_user": guest_user,
            "image_ssh_password": guest_password,
            "image_alt_ssh_password": guest_password,
            "network_for_ssh": outside.name if outside else "public",
            "ping_timeout": 60,
            "ssh_timeout": 120,
        },
        "scenario": {"img_file": os.environ.get("GUEST_IMAGE_FILE"), "dhcp_client": "udhcpc"},
        "image": {
            "http_image": os.environ.get("HTTP_IMAGE"),
            "http_qcow2_image": os.environ.get("HTTP_IMAGE"),
            "image_caching_enabled": True,
        },
        "image-feature-enabled": {
            "import_image": True,
            "os_glance_reserved": True,
            "manage_locations": False,
            "image_conversion": False,
            "image_format_enforcement": os.environ.get("MARTLET_IMAGE_FORMAT_MATCH") != "false",
            "http_store_enabled": bool(os.environ.get("HTTP_IMAGE")),
            "do_secure_hash": True,
        },
        "volume": {
            "max_microversion": facts.cloud.newest("cinder") or "latest",
            "volume_size": 1,
            "backend_names": ",".join(filter(None, facts.backends)),
            "storage_protocol": facts.volumes.get("storage_protocol"),
            "vendor_name": facts.volumes.get("vendor_name"),
            "volume_type_multiattach": facts.shared_type,
            # What is stored is called by its id.
            "manage_snapshot_ref": "source-name,snapshot-%s",
        },
        "volume-feature-enabled": {
            "backup": True,
            "snapshot": True,
            "clone": True,
            "multi_backend": len(facts.backends) > 1,
            "manage_volume": True,
            "manage_snapshot": True,
            "api_extensions": "all",
            "extend_attached_volume": newest,
            "extend_attached_encrypted_volume": False,
            "consistency_group": False,
            "volume_revert": True,
            "concurrency_tests": True,
        },
        "object-storage": {
            "operator_role": "swiftoperator" if "swiftoperator" in facts.roles else "member",
            "reseller_admin_role": "ResellerAdmin",
        },
        "object-storage-feature-enabled": {
            "discoverable_apis": "all",
            "container_sync": newest,
            "object_versioning": True,
            "discoverability": True,
            "tempurl_digest_hashlib": "sha256",
        },
        "placement": {"max_microversion": facts.cloud.newest("placement") or "latest"},
    }
