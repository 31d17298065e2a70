import Base
import Testing

@testable import HTTP

/// Good messages, spoiled at random: whatever is still taken must be readable in one way only.
@Suite struct FuzzTests {
    static let seeds = [
        "GET /v3/projects?limit=5 HTTP/1.1\r\nHost: a:5000\r\nX-Auth-Token: gAAAA\r\nAccept: */*\r\n\r\n",
        "POST /v3/auth/tokens HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\nConnection: close\r\n\r\nhello world",
        "PUT /v1/o HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
            + "5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nA: b\r\n\r\n",
        "GET http://a/x HTTP/1.0\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n",
    ]

    static let splices = [
        "\r\n", "\n", "\r", " ", "\t", "\0", ":", "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n",
        "0\r\n\r\n",
        "Host: b\r\n", ", ", "chunked", "HTTP/1.1", "\r\n ", ";", "ffffffffffffffff", "\u{ff}", "GET ",
    ]

    @Test(arguments: 0..<20) func aSpoiledRequestIsReadInOneWayOrNotAtAll(seed: UInt64) throws {
        let chance = SeededChance(seed: seed)
        var taken = 0
        for _ in 0..<1_000 {
            let bytes = FuzzTests.spoiled(Array(FuzzTests.seeds[chance.below(FuzzTests.seeds.count)].utf8), chance)
            guard let whole = FuzzTests.head(bytes, cuts: [bytes.count]) else { continue }
            taken += 1
            // However the network cuts it, it is the same message.
            let cuts = (0..<3).map { _ in chance.below(bytes.count + 1) }.sorted() + [bytes.count]
            #expect(FuzzTests.head(bytes, cuts: cuts) == whole)
            FuzzTests.expectUnambiguous(Array(bytes[..<whole.end]), whole.framing)
            if whole.framing == .chunked { try FuzzTests.checkChunks(Array(bytes[whole.end...]), chance) }
        }
        #expect(taken > 0, "The spoiling leaves nothing to take: the test tests nothing.")
    }

    struct Head: Equatable {
        let end: Int
        let fields: [String]
        let target: String
        let framing: HTTPFraming.Body
    }

    static func head(_ bytes: [UInt8], cuts: [Int]) -> Head? {
        var parser = HTTPHeadParser(.request, limits: HTTPLimits(), start: 0)
        for cut in cuts {
            let arrived = Array(bytes[..<cut])
            do throws(HTTPRefusal) {
                guard try parser.parse(arrived.span) else { continue }
                guard case .request(let method, let target) = parser.startLine else { return nil }
                let headers = HTTPHeaders(bytes: arrived, fields: parser.fields)
                let framing = try HTTPFraming(request: headers, minorVersion: parser.minorVersion)
                let request = try HTTPRequest(headers: headers, method: method, target: target, route: nowhere)
                let fields = headers.map { "\($0.name)=\($0.value)" }
                return Head(end: parser.end, fields: fields, target: request.target, framing: framing.body)
            } catch { return nil }
        }
        return nil
    }

    /// Judges by the text alone, not by our parser: what could another program read otherwise?
    static func expectUnambiguous(_ head: [UInt8], _ framing: HTTPFraming.Body) {
        let text = String(decoding: head, as: UTF8.self)
        var previous: UInt8 = 0
        for (index, byte) in head.enumerated() {
            if byte == 10 { #expect(previous == 13, "a bare line feed") }
            if byte == 13 { #expect(index + 1 < head.count && head[index + 1] == 10, "a bare carriage return") }
            #expect(byte != 0, "a NUL")
            previous = byte
        }
        let lines = text.split(separator: "\r\n", omittingEmptySubsequences: true).dropFirst()
        let names = lines.map { $0.prefix { $0 != ":" }.lowercased() }
        let lengths = names.filter { $0.contains("content-length") && $0.count == 14 }
        let encodings = names.filter { $0.contains("transfer-encoding") && $0.count == 17 }
        #expect(lengths.count + encodings.count <= 1, "two framings: \(text)")
        #expect(encodings.isEmpty == (framing != .chunked), "an encoding that is overlooked: \(text)")
        #expect(lines.allSatisfy { $0.first?.isWhitespace == false }, "a folded line: \(text)")
        #expect(names.allSatisfy { !$0.isEmpty && !$0.contains(" ") && !$0.contains("\t") }, "a bad name: \(text)")
        #expect(names.filter { $0 == "host" }.count <= 1, "two hosts: \(text)")
    }

    static func checkChunks(_ bytes: [UInt8], _ chance: SeededChance) throws {
        let cut = chance.below(bytes.count + 1)
        let whole = Result { try decodeChunks([bytes]) }
        let cutUp = Result { try decodeChunks([Array(bytes[..<cut]), Array(bytes[cut...])]) }
        switch (whole, cutUp) {
        case (.success(let one), .success(let two)):
            #expect(one?.body == two?.body)
            #expect(one?.rest == two?.rest)
        case (.failure, .failure): break
        default: Issue.record("Cut at \(cut) it is read otherwise: \(String(decoding: bytes, as: UTF8.self))")
        }
    }

    static func spoiled(_ bytes: [UInt8], _ chance: SeededChance) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<(1 + chance.below(4)) where !bytes.isEmpty {
            let place = chance.below(bytes.count)
            switch chance.below(6) {
            case 0: bytes[place] = UInt8(truncatingIfNeeded: chance.next())
            case 1: bytes.remove(at: place)
            case 2: bytes.insert(contentsOf: Array(splices[chance.below(splices.count)].utf8), at: place)
            case 3: bytes[place] ^= 0x20
            case 4:
                let end = min(bytes.count, place + chance.below(40))
                bytes.insert(contentsOf: Array(bytes[place..<end]), at: chance.below(bytes.count))
            default: bytes.removeSubrange(place..<min(bytes.count, place + chance.below(8)))
            }
        }
        return bytes
    }
}
