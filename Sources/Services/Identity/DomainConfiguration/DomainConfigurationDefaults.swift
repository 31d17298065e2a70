import Base

extension DomainConfiguration {
    /// The options that a domain may set, with what holds where it doesn't.
    static let defaults = DomainConfiguration(
        JSON.Object([
            JSON.Member(name: "identity", value: ["driver": "sql", "list_limit": nil]),
            JSON.Member(name: "ldap", value: .object(ldap)),
        ]))

    private static let ldap = JSON.Object(connection + users + groupOptions + encryption + pools)

    private static let connection: [JSON.Member] = [
        JSON.Member(name: "url", value: "ldap://localhost"), JSON.Member(name: "user", value: nil),
        JSON.Member(name: "suffix", value: "cn=example,cn=com"), JSON.Member(name: "query_scope", value: "one"),
        JSON.Member(name: "page_size", value: 0), JSON.Member(name: "alias_dereferencing", value: "default"),
        JSON.Member(name: "debug_level", value: nil), JSON.Member(name: "chase_referrals", value: nil),
    ]

    private static let users: [JSON.Member] = [
        JSON.Member(name: "user_tree_dn", value: nil), JSON.Member(name: "user_filter", value: nil),
        JSON.Member(name: "user_objectclass", value: "inetOrgPerson"),
        JSON.Member(name: "user_id_attribute", value: "cn"), JSON.Member(name: "user_name_attribute", value: "sn"),
        JSON.Member(name: "user_mail_attribute", value: "mail"),
        JSON.Member(name: "user_description_attribute", value: "description"),
        JSON.Member(name: "user_pass_attribute", value: "userPassword"),
        JSON.Member(name: "user_enabled_attribute", value: "enabled"),
        JSON.Member(name: "user_enabled_invert", value: false), JSON.Member(name: "user_enabled_mask", value: 0),
        JSON.Member(name: "user_enabled_default", value: "True"),
        JSON.Member(name: "user_attribute_ignore", value: ["default_project_id"]),
        JSON.Member(name: "user_default_project_id_attribute", value: nil),
        JSON.Member(name: "user_enabled_emulation", value: false),
        JSON.Member(name: "user_enabled_emulation_dn", value: nil),
        JSON.Member(name: "user_enabled_emulation_use_group_config", value: false),
        JSON.Member(name: "user_additional_attribute_mapping", value: []),
    ]

    private static let groupOptions: [JSON.Member] = [
        JSON.Member(name: "group_tree_dn", value: nil), JSON.Member(name: "group_filter", value: nil),
        JSON.Member(name: "group_objectclass", value: "groupOfNames"),
        JSON.Member(name: "group_id_attribute", value: "cn"), JSON.Member(name: "group_name_attribute", value: "ou"),
        JSON.Member(name: "group_members_are_ids", value: false),
        JSON.Member(name: "group_member_attribute", value: "member"),
        JSON.Member(name: "group_desc_attribute", value: "description"),
        JSON.Member(name: "group_attribute_ignore", value: []),
        JSON.Member(name: "group_additional_attribute_mapping", value: []),
    ]

    private static let encryption: [JSON.Member] = [
        JSON.Member(name: "tls_cacertfile", value: nil), JSON.Member(name: "tls_cacertdir", value: nil),
        JSON.Member(name: "use_tls", value: false), JSON.Member(name: "tls_req_cert", value: "demand"),
    ]

    private static let pools: [JSON.Member] = [
        JSON.Member(name: "use_pool", value: true), JSON.Member(name: "pool_size", value: 10),
        JSON.Member(name: "pool_retry_max", value: 3), JSON.Member(name: "pool_retry_delay", value: 0.1),
        JSON.Member(name: "pool_connection_timeout", value: -1),
        JSON.Member(name: "pool_connection_lifetime", value: 600), JSON.Member(name: "use_auth_pool", value: true),
        JSON.Member(name: "auth_pool_size", value: 100),
        JSON.Member(name: "auth_pool_connection_lifetime", value: 60),
    ]
}
