package import Foundation
import Synchronization

/// Processes that end with the tests, however those end: a runner that is killed leaves nobody to end them one by one.
package enum Wards {
    /// Who reads from it ends them when it is closed, which it is with the process at the latest.
    private static let lifeline: Mutex<FileHandle?> = Mutex(try? watch())

    package static func add(_ process: Process) { tell("+ \(process.processIdentifier)") }

    /// Before anybody waits for it: after that its number may be another's.
    package static func remove(_ process: Process) { tell("- \(process.processIdentifier)") }

    private static func tell(_ line: String) {
        lifeline.withLock { try? $0?.write(contentsOf: Data((line + "\n").utf8)) }
    }

    private static func watch() throws -> FileHandle {
        let pipe = Pipe()
        let shell = Process()
        shell.executableURL = URL(filePath: "/bin/sh")
        shell.arguments = ["-c", script]
        shell.standardInput = pipe
        try shell.run()
        try pipe.fileHandleForReading.close()
        return pipe.fileHandleForWriting
    }

    private static let script = """
        all=""
        while read -r sign pid; do
            case $sign in
            +) all="$all $pid" ;;
            -)
                rest=""
                for one in $all; do test "$one" = "$pid" || rest="$rest $one"; done
                all=$rest
                ;;
            esac
        done
        for pid in $all; do kill -9 "$pid"; done
        """
}
