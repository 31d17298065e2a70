import Base
import SQL

/// A role of compute that runs no servers, as it last said of itself: the conductor, the scheduler.
struct ComputeRole: Record, Hashable {
    let number: Int
    let id: ID<ComputeRole>
    /// The name that clients know it by: `nova-conductor`.
    let binary: String
    let host: String
    let seen: Moment

    /// The zone of those who run no servers.
    static let zone = "internal"

    static let created = Migration(
        "create compute role",
        """
        CREATE TABLE compute_role (
            number  BIGINT       NOT NULL,
            id      VARCHAR(64)  NOT NULL PRIMARY KEY,
            binary_name VARCHAR(64)  NOT NULL,
            host    VARCHAR(255) NOT NULL,
            seen_at BIGINT       NOT NULL,
            UNIQUE (binary_name, host)
        )
        """)

    init(_ row: borrowing Row) throws(Failure) {
        number = try row.integer("number")
        id = try row.id("id")
        binary = try row.text("binary_name")
        host = try row.text("host")
        seen = try row.moment("seen_at")
    }

    /// `conductor`, as the older list of hosts has it.
    var name: String { binary.replacing("nova-", with: "") }

    func isAlive(at now: Moment, _ settings: ComputeSettings) -> Bool { now < seen + settings.nodePatience }
}

extension Transaction {
    func computeRoles() throws(Failure) -> [ComputeRole] {
        try rows("SELECT * FROM compute_role ORDER BY binary_name, host")
    }

    /// A role on a machine says that it is there.
    func note(role binary: String, on host: String, world: World) throws(Failure) {
        let now = world.now
        let met = try run("UPDATE compute_role SET seen_at = \(now) WHERE binary_name = \(binary) AND host = \(host)")
        guard met == 0 else { return }
        let number = try nextServiceNumber()
        try insert(
            into: "compute_role",
            [
                "number": number, "id": UUID(world.chance).dashed, "binary_name": binary, "host": host, "seen_at": now,
            ])
    }

    /// Hosts and roles are numbered in one row, as they stand in one list.
    func nextServiceNumber() throws(Failure) -> Int {
        let hosts = try count("SELECT MAX(number) FROM compute_host")
        let roles = try count("SELECT MAX(number) FROM compute_role")
        return max(hosts, roles) + 1
    }
}
