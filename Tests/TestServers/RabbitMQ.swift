import Foundation

/// A broker of our own on a port of its own, in a folder of its own, that lives as long as the tests.
package final class RabbitMQ: Sendable {
    package let port: Int
    private let securePort: Int
    private let folder: String

    /// Debian's; its own system service has no part in this.
    static let program = "/usr/lib/rabbitmq/bin/rabbitmq-server"
    package static let isInstalled = access(program, X_OK) == 0

    package static func running() async throws -> RabbitMQ { try await shared.value }

    private static let shared = Task { try await Aside.run { try RabbitMQ() } }

    private struct DidNotStart: Error { let log: String }

    /// Whoever wants the broker to stop in between says so in its folder. When the script's input ends, which it does
    /// however this process ends, the broker ends too.
    private init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "rabbitmq-\(getpid())").path
        port = try RabbitMQ.freePort()
        let shell = Process()
        shell.executableURL = URL(filePath: "/bin/sh")
        securePort = try RabbitMQ.freePort()
        let ports = [port, try RabbitMQ.freePort(), try RabbitMQ.freePort(), securePort].map { "\($0)" }
        shell.arguments = ["-c", RabbitMQ.script, "rabbitmq", folder] + ports
        shell.standardInput = RabbitMQ.lifeline
        let output = Pipe()
        shell.standardOutput = output
        try shell.run()
        try output.fileHandleForWriting.close()
        let answer = String(decoding: output.fileHandleForReading.readData(ofLength: 5), as: UTF8.self)
        guard answer == "ready" else { throw DidNotStart(log: log) }
    }

    private static let lifeline = Pipe()

    /// Its scheduler threads don't wait busily: the tests need the cores.
    private static let script = """
        folder=$1 port=$2 names=$3 distribution=$4 secure=$5
        mkdir -p "$folder" && cd "$folder" || exit 1
        export HOME="$folder" ERL_EPMD_PORT="$names" ERL_EPMD_ADDRESS=127.0.0.1
        export RABBITMQ_NODENAME="martlet-$port@localhost" RABBITMQ_NODE_IP_ADDRESS=127.0.0.1
        export RABBITMQ_NODE_PORT="$port" RABBITMQ_DIST_PORT="$distribution"
        export RABBITMQ_MNESIA_BASE="$folder/data" RABBITMQ_LOG_BASE="$folder/log" RABBITMQ_CONF_ENV_FILE="$folder/none"
        export RABBITMQ_CONFIG_FILE="$folder/rabbitmq" RABBITMQ_ENABLED_PLUGINS_FILE="$folder/plugins"
        export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none"
        export RABBITMQ_PID_FILE="$folder/pid"
        echo '[].' >plugins
        openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=ca 2>openssl.txt
        openssl req -newkey rsa:2048 -nodes -keyout key.pem -out request.pem -subj /CN=localhost 2>>openssl.txt
        openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -out cert.pem -days 2 2>>openssl.txt
        {
            echo "listeners.ssl.1 = 127.0.0.1:$secure"
            echo "ssl_options.cacertfile = $folder/ca.pem"
            echo "ssl_options.certfile = $folder/cert.pem"
            echo "ssl_options.keyfile = $folder/key.pem"
        } >rabbitmq.conf
        epmd -port "$names" -address 127.0.0.1 >>log.txt 2>&1 </dev/null &
        epmd=$!
        keep() {
            while test ! -e end; do
                /usr/lib/rabbitmq/bin/rabbitmq-server >>log.txt 2>&1 </dev/null &
                echo $! >server
                wait $!
            done
        }
        keep &
        keeper=$!
        # Twenty seconds on an idle machine, and minutes where ten others want its two cores.
        for try in $(seq 1800); do
            grep -q 'completed with' log.txt && break
            sleep 0.3
        done
        grep -q 'completed with' log.txt && echo ready || echo never
        exec >/dev/null
        cat >/dev/null
        touch end
        kill -9 $(cat pid) $(cat server)
        wait "$keeper"
        kill "$epmd"
        rm -rf "$folder"
        """

    /// Nobody has it just now, and the kernel doesn't give it away again soon.
    package static func freePort() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
                bind(descriptor, raw, length) | getsockname(descriptor, raw, &length)
            }
        }
        guard result == 0 else { throw DidNotStart(log: "There is no free port.") }
        return Int(UInt16(bigEndian: address.sin_port))
    }

    package var address: String { "amqp://127.0.0.1:\(port)?heartbeat=5" }

    /// The same over TLS, by an authority of its own.
    package var secureAddress: String {
        "amqps://localhost:\(securePort)?heartbeat=5&cacertfile=\(folder)/ca.pem"
    }

    /// The same, trusting the machine's authorities, of which its own is none.
    package var doubtfulAddress: String { "amqps://localhost:\(securePort)?heartbeat=5" }

    package var log: String { (try? String(contentsOfFile: folder + "/log.txt", encoding: .utf8)) ?? "" }

    /// As a power failure would. Another takes its place at once, with what is on the disk.
    package func kill() throws {
        let text = try String(contentsOfFile: folder + "/pid", encoding: .utf8)
        guard let process = Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)) else {
            throw DidNotStart(log: "It has no process number.")
        }
        Foundation.kill(process, SIGKILL)
    }
}
