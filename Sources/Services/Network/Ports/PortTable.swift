import SQL

extension PortRows {
    static let created = Migration(
        "create port",
        """
        CREATE TABLE network_port (
            id                    VARCHAR(36)  NOT NULL PRIMARY KEY,
            network_id            VARCHAR(36)  NOT NULL,
            project_id            VARCHAR(255) NOT NULL,
            name                  VARCHAR(255) NOT NULL,
            admin_state_up        BOOLEAN      NOT NULL,
            status                VARCHAR(16)  NOT NULL,
            mac_address           VARCHAR(17)  NOT NULL,
            device_id             VARCHAR(255) NOT NULL,
            device_owner          VARCHAR(255) NOT NULL,
            allowed_address_pairs MEDIUMTEXT   NOT NULL,
            extra_dhcp_opts       MEDIUMTEXT   NOT NULL,
            port_security_enabled BOOLEAN      NOT NULL,
            host_id               VARCHAR(255) NOT NULL,
            vnic_type             VARCHAR(32)  NOT NULL,
            profile               MEDIUMTEXT   NOT NULL,
            vif_type              VARCHAR(64)  NOT NULL,
            vif_details           MEDIUMTEXT   NOT NULL,
            description           VARCHAR(255) NOT NULL,
            created_at            BIGINT       NOT NULL,
            updated_at            BIGINT       NOT NULL,
            revision_number       BIGINT       NOT NULL,
            UNIQUE (network_id, mac_address),
            FOREIGN KEY (network_id) REFERENCES network_network (id)
        )
        """,
        "CREATE INDEX network_port_project ON network_port (project_id)",
        "CREATE INDEX network_port_device ON network_port (device_id)",
        "CREATE INDEX network_port_host ON network_port (host_id)",
        """
        CREATE TABLE network_port_group (
            port_id  VARCHAR(36) NOT NULL,
            group_id VARCHAR(36) NOT NULL,
            PRIMARY KEY (port_id, group_id)
        )
        """,
        "CREATE INDEX network_port_group_group ON network_port_group (group_id)")
}
