/// Looks through bytes for what has to be treated apart, eight at a time: text is long, and hardly any of it is special.
package enum PlainBytes {
    private static let ones: UInt64 = 0x0101_0101_0101_0101
    private static let highs: UInt64 = 0x8080_8080_8080_8080

    /// Whether a text may stand between JSON's quotation marks as it is.
    package static func needNoEscape(_ bytes: UnsafeRawBufferPointer) -> Bool {
        areAll(
            bytes,
            words: { word in
                below(0x20, word) | zeros(word ^ (ones &* 0x22)) | zeros(word ^ (ones &* 0x5C)) == 0
            }, { $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") })
    }

    /// Whether there are no control characters among them; a tab is one.
    package static func areNoControls(_ bytes: UnsafeRawBufferPointer) -> Bool {
        areAll(
            bytes, words: { word in below(0x20, word) | zeros(word ^ (ones &* 0x7F)) == 0 },
            { $0 >= 0x20 && $0 != 0x7F })
    }

    package static func areASCII(_ bytes: UnsafeRawBufferPointer) -> Bool {
        areAll(bytes, words: { $0 & highs == 0 }, { $0 < 0x80 })
    }

    @inline(__always)
    private static func areAll(
        _ bytes: UnsafeRawBufferPointer, words isPlain: (UInt64) -> Bool, _ isPlainByte: (UInt8) -> Bool
    ) -> Bool {
        var place = 0
        while place + 8 <= bytes.count {
            guard isPlain(bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self)) else { return false }
            place += 8
        }
        while place < bytes.count {
            guard isPlainByte(bytes[place]) else { return false }
            place += 1
        }
        return true
    }

    /// Not zero if one of the word's bytes is.
    @inline(__always)
    private static func zeros(_ word: UInt64) -> UInt64 { (word &- ones) & ~word & highs }

    /// Not zero if one of the word's bytes is below a limit of at most 128.
    @inline(__always)
    private static func below(_ limit: UInt64, _ word: UInt64) -> UInt64 { (word &- ones &* limit) & ~word & highs }
}
