import Base
import Crypto
import Testing

@Suite struct MessagePackTests {
    /// A payload as keystone packs one, made by Python's msgpack.
    @Test func readsAndWritesWhatPythonDoes() throws {
        let hex =
            "960292c3c410c5a5a2ff11114422883399aabbccddee0392c3c410000102030405060708090a0b0c0d0e0f"
            + "cb41da556e4020000091c410101112131415161718191a1b1c1d1e1f"
        let bytes = try #require(Hex.bytes(hex))
        let payload: MessagePack = [
            2, [true, .binary(try #require(Hex.bytes("c5a5a2ff11114422883399aabbccddee")))], 3,
            [true, .binary(Array(0..<16))], 1_767_225_600.5, [.binary(Array(16..<32))],
        ]
        #expect(try MessagePack(bytes) == payload)
        #expect(payload.bytes == bytes)
    }

    @Test func everyFormIsTheShortest() throws {
        let hex =
            "dc0017c0c3c2007fcc80ccffcd0100cdffffce00010000ceffffffffcf0000000100000000cf7fffffffffffffff"
            + "ffe0d0dfd080d1ff7fd18000d2ffff7fffd280000000d3ffffffff7fffffffd38000000000000000"
        let numbers: MessagePack = [
            nil, true, false, 0, 127, 128, 255, 256, 65_535, 65_536, 4_294_967_295, 4_294_967_296, .integer(.max), -1,
            -32, -33,
            -128, -129, -32_768, -32_769, -2_147_483_648, -2_147_483_649, .integer(.min),
        ]
        #expect(Hex.text(numbers.bytes) == hex)
        #expect(try MessagePack(numbers.bytes) == numbers)
    }

    @Test(arguments: [0, 1, 31, 32, 255, 256, 65_535, 65_536]) func lengthsComeBack(count: Int) throws {
        let text = MessagePack.string(String(repeating: "x", count: count))
        let binary = MessagePack.binary([UInt8](repeating: 7, count: count))
        let array = MessagePack.array([MessagePack](repeating: nil, count: count))
        for value in [text, binary, array] { #expect(try MessagePack(value.bytes) == value) }
        let heads = [text.bytes.count - count, binary.bytes.count - count, array.bytes.count - count]
        switch count {
        case 0, 1: #expect(heads == [1, 2, 1])
        case 31: #expect(heads == [1, 2, 3])
        case 32, 255: #expect(heads == [2, 2, 3])
        case 256, 65_535: #expect(heads == [3, 3, 3])
        default: #expect(heads == [5, 5, 5])
        }
    }

    @Test(arguments: [
        "", "92c0", "c0c0", "a3c3a9", "a1ff", "d9", "c410", "dd7fffffff", "c6ffffffff", "cb0000", "80", "c1", "d40000",
        "cfffffffffffffffff",
    ])
    func refusesBrokenBytes(hex: String) throws {
        let bytes = try #require(Hex.bytes(hex))
        #expect(throws: Failure.self) { try MessagePack(bytes) }
    }

    @Test func refusesToNestWithoutEnd() {
        #expect(throws: Failure.self) { try MessagePack([UInt8](repeating: 0x91, count: 100_000) + [0xC0]) }
    }

    @Test func neverCrashesOnNoise() {
        let chance = SeededChance(seed: 4)
        for _ in 0..<5_000 { _ = try? MessagePack(chance.bytes(chance.below(40))) }
    }
}
