import Base
import HTTP

/// The screen of a guest that has none, because it is simulated: it speaks RFB 3.8, as VNC does, and shows one colour.
struct BlankScreen: Sendable {
    let name: String

    private static let width = 640
    private static let height = 400
    /// Longer names don't help anybody on a screen.
    private static let longestName = 80
    /// The encoding that says no more than one colour.
    private static let rre: Int32 = 2

    func show(on socket: WebSocket) async {
        var visitor = Visitor(socket: socket)
        do throws(Failure) {
            try await greet(&visitor)
            try await draw(&visitor)
        } catch {
            // The visitor has gone, or speaks something else.
            return
        }
    }

    private func greet(_ visitor: inout Visitor) async throws(Failure) {
        try await visitor.say(Array("RFB 003.008\n".utf8))
        _ = try await visitor.hear(12)
        // One kind of security: none. Who gets this far had a ticket.
        try await visitor.say([1, 1])
        guard try await visitor.hear(1) == [1] else { throw .invalid("Another kind of security is not offered.") }
        try await visitor.say([0, 0, 0, 0])
        _ = try await visitor.hear(1)
        let title = Array(name.utf8.prefix(BlankScreen.longestName))
        try await visitor.say(
            BlankScreen.pair(BlankScreen.width) + BlankScreen.pair(BlankScreen.height)
                + [32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0] + [0, 0, 0, UInt8(title.count)] + title)
    }

    private func draw(_ visitor: inout Visitor) async throws(Failure) {
        var bytesPerPixel = 4
        var knowsRRE = false
        while let kind = try await visitor.hear(1).first {
            switch kind {
            case 0: bytesPerPixel = max(1, Int(try await visitor.hear(19)[3]) / 8)
            case 2:
                let count = BlankScreen.number(try await visitor.hear(3).suffix(2))
                let encodings = try await visitor.hear(4 * count)
                knowsRRE = (0..<count).contains { index in
                    encodings[(4 * index)..<(4 * index + 4)].elementsEqual([0, 0, 0, UInt8(BlankScreen.rre)])
                }
            case 3:
                let isIncremental = try await visitor.hear(9)[0] != 0
                // Nothing ever changes, so who has seen it need not see it again.
                if !isIncremental { try await visitor.say(picture(bytesPerPixel, knowsRRE)) }
            case 4: _ = try await visitor.hear(7)
            case 5: _ = try await visitor.hear(5)
            case 6:
                let head = try await visitor.hear(7)
                let length = BlankScreen.number(head.suffix(4))
                guard length < 1 << 20 else { throw .invalid("Too much is pasted.") }
                _ = try await visitor.hear(length)
            default: throw .invalid("\(kind) is no message of RFB's.")
            }
        }
    }

    private func picture(_ bytesPerPixel: Int, _ knowsRRE: Bool) -> [UInt8] {
        let pixel = [UInt8](repeating: 0x40, count: bytesPerPixel)
        var update: [UInt8] = [0, 0, 0, 1, 0, 0, 0, 0]
        update += BlankScreen.pair(BlankScreen.width) + BlankScreen.pair(BlankScreen.height)
        guard !knowsRRE else { return update + [0, 0, 0, UInt8(BlankScreen.rre), 0, 0, 0, 0] + pixel }
        update += [0, 0, 0, 0]
        let count = BlankScreen.width * BlankScreen.height * bytesPerPixel
        return update + [UInt8](repeating: 0x40, count: count)
    }

    private static func pair(_ number: Int) -> [UInt8] { [UInt8(number >> 8), UInt8(number & 255)] }

    private static func number(_ bytes: ArraySlice<UInt8>) -> Int { bytes.reduce(0) { $0 << 8 | Int($1) } }
}

/// Who looks at the screen. What they say comes in pieces that have nothing to do with RFB's messages.
private struct Visitor {
    let socket: WebSocket
    private var heard: [UInt8] = []

    init(socket: WebSocket) { self.socket = socket }

    func say(_ bytes: [UInt8]) async throws(Failure) { try await socket.send(.binary(bytes)) }

    mutating func hear(_ count: Int) async throws(Failure) -> [UInt8] {
        while heard.count < count {
            switch try await socket.receive() {
            case .binary(let bytes): heard += bytes
            case .text(let text): heard += Array(text.utf8)
            case nil: throw .unavailable("The visitor has gone.")
            }
        }
        defer { heard.removeFirst(count) }
        return Array(heard.prefix(count))
    }
}
