import Base
import IO

/// One visit to a guest's QEMU, in its own protocol: lines of JSON, each an answer or an event.
///
/// A visit belongs to one task and is over soon; QEMU keeps one visitor at each of its two sockets. Nothing reads in the
/// background: events that come while an answer is awaited are kept until somebody asks for them.
final class QMP {
    struct Event {
        let name: String
        let data: JSON
    }

    private let stream: Stream
    private let deadline: Deadline
    private var unread: [UInt8] = []
    private var events: [Event] = []

    /// No message of QEMU's comes near this.
    private static let longestLine = 4 << 20

    private init(_ stream: Stream, deadline: Deadline) {
        self.stream = stream
        self.deadline = deadline
    }

    /// - Parameter limit: for all of the visit.
    static func visit<Value>(
        _ socket: String, on loops: Loops, within limit: Duration?, _ body: (QMP) async throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        let deadline = limit.map { Deadline.after($0) } ?? .never
        let stream = try await Stream.connect(
            to: .unix(path: socket), on: loops, by: min(deadline, .after(.seconds(5))))
        let visit = QMP(stream, deadline: deadline)
        do throws(Failure) {
            // The greeting, which comes once the visitor before has gone.
            _ = try await visit.line()
            try await visit.execute("qmp_capabilities")
            let value = try await body(visit)
            await stream.close()
            return value
        } catch {
            await stream.close()
            throw error
        }
    }

    @discardableResult
    func execute(_ command: String, _ arguments: JSON = [:]) async throws(Failure) -> JSON {
        let request: JSON = ["execute": .string(command), "arguments": arguments]
        try await stream.write(Array((request.text + "\n").utf8), by: deadline)
        while true {
            guard let line = try await line() else {
                throw .unavailable("The hypervisor ended before it answered \(command).")
            }
            if let answer = line["return"] { return answer }
            if let error = line["error"] {
                throw Failure(
                    .unavailable, "The hypervisor refuses \(command): \(error["desc"]?.string ?? "it says no more")",
                    name: error["class"]?.string)
            }
            keep(line)
        }
    }

    /// The next event that is wanted, those that came already among them. nil: QEMU has ended.
    func event(where isWanted: (Event) -> Bool) async throws(Failure) -> Event? {
        while true {
            if let place = events.firstIndex(where: isWanted) {
                defer { events.removeSubrange(...place) }
                return events[place]
            }
            events = []
            guard let line = try await line() else { return nil }
            keep(line)
        }
    }

    private func keep(_ line: JSON) {
        if let name = line["event"]?.string { events.append(Event(name: name, data: line["data"] ?? [:])) }
    }

    private func line() async throws(Failure) -> JSON? {
        while true {
            if let end = unread.firstIndex(of: UInt8(ascii: "\n")) {
                let line = Array(unread[..<end])
                unread.removeSubrange(...end)
                return try JSONReader.read(line)
            }
            guard unread.count < QMP.longestLine else { throw .bug("The hypervisor says something endless.") }
            guard let bytes = try await stream.read(by: deadline) else { return nil }
            unread += bytes
        }
    }
}
