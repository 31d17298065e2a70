import SQL

extension NetworkRows {
    static let created = Migration(
        "create network",
        """
        CREATE TABLE network_network (
            id                      VARCHAR(36)  NOT NULL PRIMARY KEY,
            project_id              VARCHAR(255) NOT NULL,
            name                    VARCHAR(255) NOT NULL,
            admin_state_up          BOOLEAN      NOT NULL,
            status                  VARCHAR(16)  NOT NULL,
            mtu                     BIGINT       NOT NULL,
            port_security_enabled   BOOLEAN      NOT NULL,
            is_default              BOOLEAN      NOT NULL,
            availability_zone_hints MEDIUMTEXT   NOT NULL,
            description             VARCHAR(255) NOT NULL,
            created_at              BIGINT       NOT NULL,
            updated_at              BIGINT       NOT NULL,
            revision_number         BIGINT       NOT NULL
        )
        """,
        "CREATE INDEX network_network_project ON network_network (project_id)")
}
