import Base
import Testing

@Suite struct JSONTests {
    @Test(arguments: [
        "null", "true", "false", "0", "-1", "9223372036854775807", "1.5", "\"\"", "[]", "{}", "[1,[2,[3]]]",
        #"{"a":1,"b":{"c":[true,null]}}"#, #""\"\\\n\u0001é😀""#,
    ])
    func whatIsReadIsWrittenTheSame(text: String) throws {
        #expect(try JSONReader.read(text).text == text)
    }

    @Test(arguments: [
        "", " ", "nul", "tru", "01", "-", "1.", ".5", "1e", "+1", "[1,]", "[1 2]", "{\"a\"}", "{\"a\":1,}", "{a:1}",
        "\"", "\"\u{01}\"", "\"\\x\"", "\"\\u12\"", "\"\\ud800\"", "\"\\ud800\\u0041\"", "1 2", "[1]]", "1e999",
        "{\"a\":1,\"a\":2}",
    ])
    func whatIsNotJSONIsRefused(text: String) {
        #expect(throws: Failure.self) { try JSONReader.read(text) }
    }

    @Test func aNameStandsOnceEvenInALargeObject() {
        let members = (0..<100).map { "\"k\($0)\":0" } + ["\"k50\":1"]
        #expect(throws: Failure.self) { try JSONReader.read("{" + members.joined(separator: ",") + "}") }
    }

    @Test func invalidUTF8IsRefused() {
        #expect(throws: Failure.self) { try JSONReader.read([0x22, 0xC3, 0x28, 0x22]) }
    }

    @Test func depthHasALimit() {
        let deep = String(repeating: "[", count: 65) + String(repeating: "]", count: 65)
        #expect(throws: Failure.self) { try JSONReader.read(deep) }
    }

    @Test func surrogatePairsBecomeOneCharacter() throws {
        #expect(try JSONReader.read(#""\ud83d\ude00""#) == "😀")
    }

    @Test func theOrderOfMembersIsKeptButDoesNotMatter() throws {
        let one = try JSONReader.read(#"{"b":1,"a":2}"#)
        #expect(one == ["a": 2, "b": 1])
        #expect(one.text == #"{"b":1,"a":2}"#)
    }

    /// Whatever happens to a document on its way, reading it ends in a value or a failure, never in a crash.
    @Test(arguments: 0..<20) func mutatedDocumentsNeverCrash(seed: Int) {
        let chance = SeededChance(seed: UInt64(seed))
        let text = #"{"server":{"name":"é\u00e9\n","networks":[{"uuid":"1"},null,true,-1.5e3]}}"#
        for _ in 0..<500 {
            var bytes = Array(text.utf8)
            for _ in 0...chance.below(4) { bytes[chance.below(bytes.count)] = UInt8(truncatingIfNeeded: chance.next()) }
            bytes.removeLast(chance.below(bytes.count))
            if let value = try? JSONReader.read(bytes) { #expect((try? JSONReader.read(value.text)) == value) }
        }
    }

    @Test func wholeNumbersAreWrittenDigitByDigit() {
        var numbers: [Int64] = [0, .min, .max]
        var power: Int64 = 1
        for _ in 0..<18 {
            numbers += [power - 1, power, -power, power + 1]
            power *= 10
        }
        for number in numbers {
            var json = JSONWriter()
            json.value(number)
            #expect(json.finishText() == String(number))
        }
    }
}
