import API
package import Policy

/// The names of the Networking API's permissions with their defaults: the same as an operator's policy file knows.
extension Rule {
    /// Every rule by its name. A member of a resource without a rule of its own follows the rule of the whole.
    static let network: [String: Rule] = {
        var rules: [String: Rule] = [:]
        for (check, names) in grants {
            for name in names.split(separator: " ").map(String.init) {
                rules[name] = Rule(name, summary(name), check)
            }
        }
        return rules
    }()

    /// The rules about a kind of thing and its members.
    static func of(_ resource: Resource) -> [Rule] {
        let subjects = ["create", "get", "update", "delete"].map { "\($0)_\(resource.one)" }
        return network.values.filter { rule in subjects.contains { rule.name == $0 || rule.name.hasPrefix($0 + ":") } }
            .sorted { $0.name < $1.name }
    }

    static func named(_ names: String...) -> [Rule] { names.compactMap { network[$0] } }

    static let contextIsAdmin = Rule("context_is_admin", "Administer networks", "role:admin")

    /// "create_port:fixed_ips" reads "Create port: fixed ips".
    private static func summary(_ name: String) -> String {
        let words = name.replacing("_", with: " ").replacing(":", with: ": ")
        return words.prefix(1).uppercased() + words.dropFirst()
    }

    /// Who may do what: a check, and everything that it decides.
    private static let grants: [(check: String, names: String)] = [
        (
            """
            (rule:admin_only) or (role:member and project_id:%(project_id)s)
            """,
            """
            create_ndp_proxy update_ndp_proxy delete_ndp_proxy create_address_group update_address_group delete_address_group add_addresses remove_addresses \
            create_address_scope update_address_scope delete_address_scope delete_auto_allocated_topology \
            create_floatingip create_floatingip:router_id create_floatingip:tags update_floatingip \
            update_floatingip:router_id update_floatingip:tags delete_floatingip delete_floatingip:tags \
            create_tap_service update_tap_service delete_tap_service create_tap_flow update_tap_flow delete_tap_flow \
            create_network:pvlan update_network:pvlan create_port:pvlan_type create_port:pvlan_community \
            update_port:pvlan_type update_port:pvlan_community \
            create_network create_network:port_security_enabled create_network:tags update_network \
            update_network:port_security_enabled update_network:tags delete_network delete_network:tags \
            create_rbac_policy update_rbac_policy delete_rbac_policy create_router \
            create_router:external_gateway_info create_router:external_gateway_info:network_id \
            create_router:tags update_router update_router:external_gateway_info \
            update_router:external_gateway_info:network_id update_router:tags delete_router delete_router:tags \
            create_trunk create_trunk:tags update_trunk update_trunk:tags delete_trunk delete_trunk:tags \
            add_subports remove_subports \
            add_router_interface remove_router_interface add_extraroutes remove_extraroutes \
            create_security_group create_security_group:tags update_security_group update_security_group:tags \
            delete_security_group delete_security_group:tags create_subnetpool create_subnetpool:tags \
            update_subnetpool update_subnetpool:tags delete_subnetpool delete_subnetpool:tags add_prefixes \
            remove_prefixes
            """
        ),
        (
            """
            rule:admin_only
            """,
            """
            create_network_segment_range create_network_segment_range:tags get_network_segment_range \
            get_network_segment_range:tags update_network_segment_range update_network_segment_range:tags \
            delete_network_segment_range delete_network_segment_range:tags \
            create_router:ha get_router:ha update_router:ha create_router:distributed get_router:distributed update_router:distributed \
            create_address_scope:shared update_address_scope:shared create_agent get_agent update_agent \
            get_dhcp-networks create_dhcp-network delete_dhcp-network get_dhcp-agents get_l3-routers create_l3-router \
            delete_l3-router get_l3-agents delete_agent create_network:shared create_network:router:external create_network:is_default \
            create_network:provider:network_type create_network:provider:physical_network \
            create_network:provider:segmentation_id get_network:provider:network_type \
            get_network:provider:physical_network get_network:provider:segmentation_id update_network:shared \
            update_network:provider:network_type update_network:provider:physical_network \
            update_network:provider:segmentation_id update_network:router:external update_network:is_default \
            update_quota delete_quota create_router:external_gateway_info:enable_snat \
            create_router:external_gateway_info:external_fixed_ips \
            update_router:external_gateway_info:enable_snat \
            update_router:external_gateway_info:external_fixed_ips \
            create_subnetpool:shared create_subnetpool:is_default \
            update_subnetpool:is_default
            """
        ),
        (
            """
            (rule:admin_only) or (role:reader and project_id:%(project_id)s)
            """,
            """
            get_tap_service get_tap_flow get_network:pvlan get_port:pvlan_type get_port:pvlan_community \
            get_auto_allocated_topology get_floatingip get_floatingip:tags get_metering_label \
            get_metering_label_rule get_ndp_proxy get_rbac_policy get_router get_router:tags get_trunk get_trunk:tags \
            get_subports
            """
        ),
        (
            """
            (rule:admin_only) or (rule:service_api)
            """,
            """
            get_network_ip_availability create_port:binding:host_id get_port:binding:vif_type \
            get_port:binding:vif_details get_port:binding:host_id get_port:binding:profile \
            update_port:binding:host_id
            """
        ),
        (
            """
            (rule:admin_only) or (role:manager and project_id:%(project_id)s)
            """,
            """
            get_loggable_resource create_log get_log update_log delete_log \
            create_floatingip:floating_ip_address create_metering_label delete_metering_label \
            create_metering_label_rule delete_metering_label_rule get_quota create_policy create_policy:tags \
            update_policy update_policy:tags delete_policy delete_policy:tags
            """
        ),
        (
            """
            (rule:admin_only) or (rule:service_api) or role:member and rule:network_owner
            """,
            """
            create_port:mac_address create_port:fixed_ips:ip_address create_port:port_security_enabled \
            update_port:fixed_ips update_port:fixed_ips:ip_address update_port:port_security_enabled
            """
        ),
        (
            """
            (rule:admin_only) or (role:member and rule:network_owner) or rule:service_api
            """,
            """
            create_port:allowed_address_pairs create_port:allowed_address_pairs:mac_address \
            create_port:allowed_address_pairs:ip_address update_port:allowed_address_pairs \
            update_port:allowed_address_pairs:mac_address update_port:allowed_address_pairs:ip_address
            """
        ),
        (
            """
            role:member and project_id:%(project_id)s or (rule:admin_only) or (role:member and \
            rule:network_owner)
            """,
            """
            create_subnet:tags update_subnet update_subnet:tags delete_subnet delete_subnet:tags
            """
        ),
        (
            """
            (rule:admin_only) or (rule:service_api) or role:member and rule:network_owner or rule:shared
            """,
            """
            create_port create_port:fixed_ips create_port:fixed_ips:subnet_id update_port:fixed_ips:subnet_id
            """
        ),
        (
            """
            (rule:admin_only) or (role:member and project_id:%(project_id)s) or rule:service_api
            """,
            """
            create_port:device_id create_port:binding:vnic_type update_port:device_id
            """
        ),
        (
            """
            role:reader
            """,
            """
            get_availability_zone get_service_provider get_rule_type get_default_security_group_rule get_flavor get_floatingip_pool
            """
        ),
        (
            """
            not rule:network_device or (rule:admin_only) or (rule:service_api) or role:member and \
            rule:network_owner
            """,
            """
            create_port:device_owner update_port:device_owner
            """
        ),
        (
            """
            rule:service_api
            """,
            """
            create_port:binding:profile update_port:binding:profile
            """
        ),
        (
            """
            (rule:admin_only) or (role:member and project_id:%(project_id)s) or rule:context_is_advsvc
            """,
            """
            create_port:tags update_port:tags
            """
        ),
        (
            """
            (rule:admin_only) or (rule:service_api) or role:member and project_id:%(project_id)s
            """,
            """
            update_port update_port:binding:vnic_type
            """
        ),
        (
            """
            rule:admin_only or (not field:rbac_policy:target_tenant=* and not \
            field:rbac_policy:target_project=*)
            """,
            """
            create_rbac_policy:target_tenant update_rbac_policy:target_tenant
            """
        ),
        (
            """
            rule:admin_only or not field:rbac_policy:target_project=*
            """,
            """
            create_rbac_policy:target_project update_rbac_policy:target_project
            """
        ),
        (
            """
            (rule:admin_only) or (role:reader and project_id:%(project_id)s) or rule:shared_security_group
            """,
            """
            get_security_group get_security_group:tags
            """
        ),
        (
            """
            (rule:admin_only) or (role:member and rule:sg_owner)
            """,
            """
            create_security_group_rule delete_security_group_rule
            """
        ),
        (
            """
            (rule:admin_only) or (role:reader and project_id:%(project_id)s) or rule:shared_subnetpools
            """,
            """
            get_subnetpool get_subnetpool:tags
            """
        ),
        (
            """
            rule:admin_only or role:reader and project_id:%(project_id)s or rule:shared_address_scopes
            """,
            """
            get_address_scope
            """
        ),
        (
            """
            (rule:admin_only) or (role:reader and project_id:%(project_id)s) or rule:service_api or rule:shared \
            or rule:external or rule:context_is_advsvc
            """,
            """
            get_network
            """
        ),
        (
            """
            (rule:admin_only) or (role:reader and project_id:%(project_id)s) or rule:shared or rule:external or \
            rule:context_is_advsvc
            """,
            """
            get_network:tags
            """
        ),
        (
            """
            (rule:admin_only) or (rule:service_api) or role:reader and rule:network_owner or role:reader and \
            project_id:%(project_id)s
            """,
            """
            get_port
            """
        ),
        (
            """
            rule:context_is_advsvc or (rule:admin_only) or (role:reader and rule:network_owner) or role:reader \
            and project_id:%(project_id)s
            """,
            """
            get_port:tags
            """
        ),
        (
            """
            (rule:admin_only) or (rule:service_api) or role:manager and rule:network_owner
            """,
            """
            update_port:mac_address
            """
        ),
        (
            """
            rule:admin_only or role:data_plane_integrator
            """,
            """
            update_port:data_plane_status
            """
        ),
        (
            """
            (rule:admin_only) or (rule:service_api) or (service_roles:service and (role:member and \
            rule:network_owner or role:member and project_id:%(project_id)s)) or (not rule:compute_device and \
            not rule:baremetal_device and not rule:manila_device and (role:member and rule:network_owner or \
            role:member and project_id:%(project_id)s))
            """,
            """
            delete_port
            """
        ),
        (
            """
            rule:context_is_advsvc or role:member and project_id:%(project_id)s or (rule:admin_only) or \
            (role:member and rule:network_owner)
            """,
            """
            delete_port:tags
            """
        ),
        (
            """
            (rule:admin_only) or (role:reader and rule:sg_owner)
            """,
            """
            get_security_group_rule
            """
        ),
        (
            """
            (rule:admin_only) or (role:member and rule:network_owner)
            """,
            """
            create_subnet
            """
        ),
        (
            """
            role:reader and project_id:%(project_id)s or rule:shared or rule:external_network or \
            (rule:admin_only) or (role:reader and rule:network_owner) or rule:service_api
            """,
            """
            get_subnet
            """
        ),
        (
            """
            role:reader and project_id:%(project_id)s or rule:shared or rule:external_network or \
            (rule:admin_only) or (role:reader and rule:network_owner)
            """,
            """
            get_subnet:tags
            """
        ),
        (
            """
            rule:admin_only or (role:member and rule:ext_parent_owner)
            """,
            """
            create_floatingip_port_forwarding update_floatingip_port_forwarding delete_floatingip_port_forwarding
            """
        ),
        (
            """
            rule:admin_only or (role:reader and rule:ext_parent_owner)
            """,
            """
            get_floatingip_port_forwarding \
            get_policy_bandwidth_limit_rule \
            get_policy_dscp_marking_rule \
            get_policy_minimum_bandwidth_rule \
            get_policy_packet_rate_limit_rule \
            get_policy_minimum_packet_rate_rule
            """
        ),
        (
            """
            rule:admin_only or (role:manager and rule:ext_parent_owner)
            """,
            """
            create_policy_bandwidth_limit_rule update_policy_bandwidth_limit_rule delete_policy_bandwidth_limit_rule \
            create_policy_dscp_marking_rule update_policy_dscp_marking_rule delete_policy_dscp_marking_rule \
            create_policy_minimum_bandwidth_rule update_policy_minimum_bandwidth_rule delete_policy_minimum_bandwidth_rule \
            create_policy_packet_rate_limit_rule update_policy_packet_rate_limit_rule delete_policy_packet_rate_limit_rule \
            create_policy_minimum_packet_rate_rule update_policy_minimum_packet_rate_rule delete_policy_minimum_packet_rate_rule
            """
        ),
        (
            """
            rule:admin_only
            """,
            """
            create_default_security_group_rule delete_default_security_group_rule create_flavor update_flavor \
            delete_flavor create_service_profile get_service_profile update_service_profile \
            delete_service_profile create_flavor_service_profile delete_flavor_service_profile
            """
        ),
        (
            """
            rule:admin_only or role:reader and project_id:%(project_id)s or rule:shared_address_groups
            """,
            """
            get_address_group
            """
        ),
        (
            """
            (rule:admin_only) or (role:reader and project_id:%(project_id)s) or rule:shared_qos_policy
            """,
            """
            get_policy get_policy:tags
            """
        ),
    ]
}

extension Network {
    /// What the rules build upon.
    package static let definitions: Policy.Definitions = [
        ("context_is_admin", "role:admin"),
        ("context_is_advsvc", "role:advsvc"),
        ("admin_only", "rule:context_is_admin"),
        ("service_api", "role:service"),
        ("network_owner", "project_id:%(network:project_id)s"),
        ("ext_parent_owner", "project_id:%(ext_parent:project_id)s"),
        ("shared_qos_policy", "field:policies:shared=True"),
        ("sg_owner", "project_id:%(security_group:project_id)s"),
        ("shared", "field:networks:shared=True"),
        ("external", "field:networks:router:external=True"),
        ("external_network", "field:subnets:router:external=True"),
        ("shared_subnetpools", "field:subnetpools:shared=True"),
        ("shared_address_scopes", "field:address_scopes:shared=True"),
        ("shared_address_groups", "field:address_groups:shared=True"),
        ("shared_security_group", "field:security_groups:shared=True"),
        ("network_device", "field:port:device_owner=~^network:"),
        ("compute_device", "field:port:device_owner=~^compute:"),
        ("baremetal_device", "field:port:device_owner=~^baremetal:"),
        ("manila_device", "field:port:device_owner=~^manila:"),
    ]
}
