import SQL

extension SubnetRows {
    static let created = Migration(
        "create subnet",
        """
        CREATE TABLE network_subnet (
            id                VARCHAR(36)  NOT NULL PRIMARY KEY,
            network_id        VARCHAR(36)  NOT NULL,
            project_id        VARCHAR(255) NOT NULL,
            name              VARCHAR(255) NOT NULL,
            ip_version        BIGINT       NOT NULL,
            cidr              VARCHAR(64)  NOT NULL,
            subnetpool_id     VARCHAR(36),
            gateway_ip        VARCHAR(64),
            allocation_pools  MEDIUMTEXT   NOT NULL,
            dns_nameservers   MEDIUMTEXT   NOT NULL,
            host_routes       MEDIUMTEXT   NOT NULL,
            enable_dhcp       BOOLEAN      NOT NULL,
            ipv6_ra_mode      VARCHAR(32),
            ipv6_address_mode VARCHAR(32),
            service_types     MEDIUMTEXT   NOT NULL,
            description       VARCHAR(255) NOT NULL,
            created_at        BIGINT       NOT NULL,
            updated_at        BIGINT       NOT NULL,
            revision_number   BIGINT       NOT NULL,
            UNIQUE (network_id, cidr),
            FOREIGN KEY (network_id) REFERENCES network_network (id)
        )
        """,
        "CREATE INDEX network_subnet_project ON network_subnet (project_id)",
        "CREATE INDEX network_subnet_pool ON network_subnet (subnetpool_id)")
}
