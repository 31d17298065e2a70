import Base
import Testing

@Suite struct PlainBytesTests {
    /// Every byte, at every place of words and of what is left behind them.
    @Test func whatIsSpecialIsFoundWhereverItStands() {
        for byte in UInt8.min...UInt8.max {
            for length in 1...19 {
                for place in 0..<length {
                    var bytes = Array(repeating: UInt8(ascii: "a"), count: length)
                    bytes[place] = byte
                    let isEscaped = byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
                    #expect(bytes.withUnsafeBytes { PlainBytes.needNoEscape($0) } == !isEscaped)
                    let isControl = byte < 0x20 || byte == 0x7F
                    #expect(bytes.withUnsafeBytes { PlainBytes.areNoControls($0) } == !isControl)
                }
            }
        }
    }

    @Test func caseIsThatOfLettersAlone() {
        #expect("Member".equalsIgnoringCase("mEMBER"))
        #expect(!"a[".equalsIgnoringCase("a{"))
        #expect(!"reader".equalsIgnoringCase("readers"))
    }
}
