import Base
import Contracts
import Trace

extension ComputeNode {
    /// How long a guest may take to end by itself before it is cut off.
    private static var grace: Duration { .seconds(60) }

    func obey(_ order: PowerOrder) async throws(Failure) -> GuestState {
        let id = GuestID(order.server)
        try await Tracing.span("\(order.verb.rawValue) the guest", .hypervisor, by: "compute-node") {
            () async throws(Failure) in
            switch order.verb {
            case .start, .unpause, .resume: try await hypervisor.ensureResumed(id)
            case .stop: try await hypervisor.ensureStopped(id, within: ComputeNode.grace)
            case .pause: try await hypervisor.ensurePaused(id)
            case .suspend: try await hypervisor.ensureSuspended(id)
            case .rebootSoft: try await hypervisor.reboot(id, within: ComputeNode.grace)
            case .rebootHard: try await hypervisor.reboot(id, within: nil)
            }
        }
        return try await hypervisor.describe(id)?.power.number ?? .none
    }

    /// By bytes: a serial port's lines end in two of them, which are one character.
    static func last(_ count: Int?, linesOf bytes: [UInt8]) -> String {
        guard let count else { return String(decoding: bytes, as: UTF8.self) }
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        return String(decoding: Array(lines.suffix(max(0, count)).joined(separator: "\n".utf8)), as: UTF8.self)
    }

    func console(_ request: ConsoleRequest) async throws(Failure) -> String {
        guard let hypervisor = hypervisor as? any ConsoleLogging else {
            throw Failure(.notImplemented, "Consoles are not kept on the host \(host).")
        }
        let bytes = try await hypervisor.consoleLog(guest(of: request.server), last: 100 * 1_024)
        return ComputeNode.last(request.lines, linesOf: bytes)
    }
}
