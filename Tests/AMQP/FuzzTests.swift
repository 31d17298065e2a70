import Base
import Testing

@testable import AMQP

/// Good frames, spoiled at random: nothing crashes, and what is still taken is read in one way only.
@Suite struct FuzzTests {
    @Test(arguments: 0..<20) func spoiledFramesAreReadInOneWayOrNotAtAll(seed: UInt64) throws {
        let chance = SeededChance(seed: seed)
        var (taken, refused) = (0, 0)
        for _ in 0..<500 {
            let bytes = FuzzTests.spoiled(FuzzTests.talk(chance), chance)
            let whole = FuzzTests.frames([bytes])
            let cut = chance.below(bytes.count + 1)
            let pieces = FuzzTests.frames([Array(bytes[..<cut]), Array(bytes[cut...])])
            #expect(whole.frames == pieces.frames)
            #expect(whole.isRefused == pieces.isRefused)
            for frame in whole.frames { if try FuzzTests.isUnderstood(frame) { taken += 1 } else { refused += 1 } }
        }
        #expect(taken > 100 && refused > 10, "The spoiling tests nothing: \(taken) taken, \(refused) refused.")
    }

    /// What is understood can be said again, and then is the same.
    static func isUnderstood(_ frame: AMQPFrame) throws -> Bool {
        switch frame.kind {
        case .method:
            guard let method = try? AMQPMethod(frame.payload) else { return false }
            #expect(try AMQPMethod(method.payload).payload == method.payload)
        case .header:
            guard let (message, _) = try? AMQPMessage.read(header: frame.payload) else { return false }
            #expect(try AMQPMessage.read(header: message.header).message.header == message.header)
        case .body, .heartbeat: break
        }
        return true
    }

    static func frames(_ pieces: [[UInt8]]) -> (frames: [AMQPFrame], isRefused: Bool) {
        var (frames, found) = (AMQPFrames(), [AMQPFrame]())
        do throws(Failure) {
            for piece in pieces {
                frames.add(piece)
                while let frame = try frames.next() { found.append(frame) }
            }
            return (found, false)
        } catch { return (found, true) }
    }

    /// A few frames, one after the other.
    static func talk(_ chance: SeededChance) -> [UInt8] {
        var bytes: [UInt8] = []
        for _ in 0..<(1 + chance.below(4)) {
            let channel = UInt16(chance.below(3))
            let frame =
                switch chance.below(6) {
                case 0: AMQPFrame(kind: .header, channel: channel, payload: CodingTests.message.header)
                case 1: AMQPFrame(kind: .body, channel: channel, payload: chance.bytes(chance.below(50)))
                case 2: AMQPFrame(kind: .heartbeat, channel: 0, payload: [])
                default:
                    AMQPFrame(
                        kind: .method, channel: channel,
                        payload: CodingTests.methods[chance.below(CodingTests.methods.count)].payload)
                }
            frame.write(to: &bytes)
        }
        return bytes
    }

    static func spoiled(_ bytes: [UInt8], _ chance: SeededChance) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<chance.below(4) where !bytes.isEmpty {
            let place = chance.below(bytes.count)
            switch chance.below(5) {
            case 0: bytes[place] = UInt8(truncatingIfNeeded: chance.next())
            case 1: bytes.remove(at: place)
            case 2: bytes[place] ^= 1 << UInt8(chance.below(8))
            case 3: bytes.insert(contentsOf: chance.bytes(1 + chance.below(4)), at: place)
            default: bytes[place] = [0, 1, 0x7F, 0x80, 0xFF, 0xCE][chance.below(6)]
            }
        }
        return bytes
    }
}
