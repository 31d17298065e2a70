import Testing

@testable import HTTP

/// Decodes pieces as they would come in; nil if the body isn't complete.
func decodeChunks(_ pieces: [[UInt8]]) throws(HTTPRefusal) -> (body: [UInt8], rest: [UInt8])? {
    var chunks = HTTPChunks()
    var input: [UInt8] = []
    var place = 0
    var body: [UInt8] = []
    for piece in pieces {
        input += piece
        try chunks.decode(input, from: &place, into: &body, upTo: .max)
    }
    return chunks.isDone ? (body, Array(input[place...])) : nil
}

@Suite struct ChunkTests {
    @Test(arguments: [
        ("0\r\n\r\n", "", ""),
        ("3\r\nabc\r\n0\r\n\r\nGET", "abc", "GET"),
        ("a\r\n0123456789\r\nB\r\n01234567890\r\n000\r\n\r\n", "012345678901234567890", ""),
        ("3;name=value;x=\"y\"\r\nabc\r\n0;z\r\n\r\n", "abc", ""),
        ("2\r\n\r\n\r\n0\r\nTrailer: x\r\nOther: y\r\n\r\n", "\r\n", ""),
    ]) func chunksBecomeABody(text: String, body: String, rest: String) throws {
        let bytes = Array(text.utf8)
        let whole = try #require(try decodeChunks([bytes]))
        #expect(whole.body == Array(body.utf8))
        #expect(whole.rest == Array(rest.utf8))
        let dripped = try #require(try decodeChunks(bytes.map { [$0] }))
        #expect(dripped.body == whole.body)
        #expect(dripped.rest == whole.rest)
    }

    @Test(arguments: [
        "\r\n", "g\r\n", "-1\r\n", "+3\r\nabc\r\n", "0x3\r\nabc\r\n", " 3\r\nabc\r\n", "3 \r\nabc\r\n", "3\nabc\r\n",
        "3\r\nabcd\r\n", "3\r\nab\r\n0\r\n\r\n", "3\r\nabc\n0\r\n\r\n", "3\r\nabc0\r\n\r\n", "10000000000000000\r\n",
        "3;a\u{0}b\r\nabc\r\n", "3;a\rb\r\nabc\r\n", "0\r\n\n", "0\r\nTrailer\r\n\r\n", "0\r\n folded\r\n\r\n",
        "0\r\nA : b\r\n\r\n", "0\r\nA: \u{1}\r\n\r\n",
    ]) func badChunksAreRefused(text: String) {
        #expect(throws: HTTPRefusal.self) { try decodeChunks([Array(text.utf8)]) }
    }

    @Test func linesBetweenChunksHaveALimit() {
        let endless = "1;" + String(repeating: "x", count: 2_000)
        #expect(throws: HTTPRefusal.self) { try decodeChunks([Array(endless.utf8)]) }
        let trailers = "0\r\n" + String(repeating: "Trailer: x\r\n", count: 2_000)
        #expect(throws: HTTPRefusal.self) { try decodeChunks([Array(trailers.utf8)]) }
    }

    @Test func dataComesInPiecesOfTheSizeAskedFor() throws {
        var chunks = HTTPChunks()
        let input = Array("8\r\n12345678\r\n0\r\n\r\n".utf8)
        var place = 0
        var pieces: [String] = []
        while !chunks.isDone {
            var piece: [UInt8] = []
            try chunks.decode(input, from: &place, into: &piece, upTo: 3)
            pieces.append(String(decoding: piece, as: UTF8.self))
        }
        #expect(pieces.joined() == "12345678")
        #expect(pieces.allSatisfy { $0.count <= 3 })
    }
}
