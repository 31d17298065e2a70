import Foundation
import Synchronization

/// A MariaDB server of our own, in a folder of its own, that lives as long as the tests.
package final class MariaDB: Sendable {
    package let folder: String
    private let names = Atomic(0)

    package static let isInstalled = access("/usr/sbin/mariadbd", X_OK) == 0

    package static func running() async throws -> MariaDB { try await shared.value }

    private static let shared = Task { try await Aside.run { try MariaDB() } }

    private struct DidNotStart: Error { let log: String }

    /// The script ends the server and removes its folder when its input ends, which it does however this process ends.
    private init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "mariadb-\(getpid())").path
        let shell = Process()
        let output = Pipe()
        shell.executableURL = URL(filePath: "/bin/sh")
        shell.arguments = ["-c", MariaDB.script, "mariadb", folder]
        shell.standardInput = MariaDB.lifeline
        shell.standardOutput = output
        try shell.run()
        try output.fileHandleForWriting.close()
        let answer = String(decoding: output.fileHandleForReading.readData(ofLength: 5), as: UTF8.self)
        guard answer == "ready" else {
            throw DidNotStart(log: (try? String(contentsOfFile: folder + "/log", encoding: .utf8)) ?? "")
        }
    }

    private static let lifeline = Pipe()

    private static let script = """
        folder=$1
        mkdir -p "$folder" && cd "$folder" || exit 1
        user=$(id -un)
        mariadb-install-db --no-defaults --datadir="$folder/data" --user="$user" --skip-test-db \\
            --auth-root-authentication-method=normal >"$folder/log" 2>&1 </dev/null || exit 1
        openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=ca 2>>log
        openssl req -newkey rsa:2048 -nodes -keyout key.pem -out request.pem -subj /CN=localhost 2>>log
        openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -out cert.pem -days 2 2>>log
        tls=""
        test -s cert.pem && tls="--ssl-ca=$folder/ca.pem --ssl-cert=$folder/cert.pem --ssl-key=$folder/key.pem"
        /usr/sbin/mariadbd --no-defaults --datadir="$folder/data" --socket="$folder/socket" --user="$user" $tls \\
            --skip-networking --innodb-buffer-pool-size=64M >>"$folder/log" 2>&1 </dev/null &
        server=$!
        for try in $(seq 300); do
            mariadb-admin --no-defaults --socket="$folder/socket" --user=root ping >/dev/null 2>&1 && break
            sleep 0.1
        done
        echo ready
        exec >/dev/null
        cat >/dev/null
        kill "$server"
        wait "$server"
        rm -rf "$folder"
        """

    package func address(of database: String) -> String { "mysql://root@localhost/\(database)?socket=\(folder)/socket" }

    /// With an empty database, which is gone afterwards.
    package func withDatabase(_ body: (String) async throws -> Void) async throws {
        let name = "test\(names.add(1, ordering: .relaxed).newValue)"
        // With another character set than ours, since we must not depend on it.
        try await run("CREATE DATABASE \(name) CHARACTER SET latin1")
        try await body(address(of: name))
        try await run("DROP DATABASE \(name)")
    }

    private struct Refused: Error { let statement: String }

    private func run(_ statement: String) async throws {
        let folder = folder
        try await Aside.run {
            let client = Process()
            client.executableURL = URL(filePath: "/usr/bin/mariadb")
            client.arguments = ["--no-defaults", "--socket=\(folder)/socket", "--user=root", "--execute=\(statement)"]
            try client.run()
            client.waitUntilExit()
            guard client.terminationStatus == 0 else { throw Refused(statement: statement) }
        }
    }
}
