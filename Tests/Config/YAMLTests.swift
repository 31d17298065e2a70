import Base
import Config
import Testing

@Suite struct YAMLTests {
    @Test func aDocumentIsReadAsItIsMeant() throws {
        let text = """
            # a cloud
            database:
              url: mysql://cloud@db/cloud   # the pool's
              pool: 8
            roles: [api, "conductor", 'it''s']
            ratio: 1.5
            negative: -3
            on: true
            nothing:
            also nothing: ~
            folded: >
              two
              lines
            kept: |
              two
              lines
            list:
            - name: a
              port: 0x1F90
            - []
            - {}
            """
        let expected: JSON = [
            "database": ["url": "mysql://cloud@db/cloud", "pool": 8], "roles": ["api", "conductor", "it's"],
            "ratio": 1.5,
            "negative": -3, "on": true, "nothing": nil, "also nothing": nil, "folded": "two lines\n",
            "kept": "two\nlines\n", "list": [["name": "a", "port": 8080], [], [:]],
        ]
        #expect(try YAML.parse(text) == expected)
    }

    static let words: [(String, JSON)] = [
        ("yes", "yes"), ("no", "no"), ("True", true), ("", nil), ("0600", "0600"), ("-01", "-01"), ("0", 0),
        ("0o17", 15),
        ("+5", 5), ("1e3", 1_000.0), (".5", 0.5), ("0.5", 0.5), ("-.5", -0.5), ("1.2.3", "1.2.3"), ("1:2", "1:2"),
        ("--", "--"),
        ("2026-11-21", "2026-11-21"), (".inf", ".inf"), ("1e999", "1e999"), ("\"12\"", "12"), ("'true'", "true"),
        ("!!str 12", "12"), ("! 12", "12"), ("9223372036854775807", .integer(.max)), ("10.0.0.1", "10.0.0.1"),
        ("0xZZ", "0xZZ"), ("1_000", "1_000"), ("+", "+"), ("é", "é"),
    ]

    @Test(arguments: words) func wordsAreWhatTheyLookLike(text: String, value: JSON) throws {
        #expect(try YAML.parse("value: \(text)")["value"] == value)
    }

    @Test func whatIsAnchoredCanBeRepeated() throws {
        let value = try YAML.parse("a: &x {b: [1, 2]}\nc: *x\nd: [*x, *x]")
        #expect(value["c"] == ["b": [1, 2]])
        #expect(value["d"]?.array?.count == 2)
    }

    @Test func anchorsCannotMakeALotOfLittle() {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1...9 {
            let aliases = [String](repeating: "*a\(level - 1)", count: 10).joined(separator: ", ")
            text += "a\(level): &a\(level) [\(aliases)]\n"
        }
        let failure = #expect(throws: Failure.self) { try YAML.parse(text) }
        #expect(failure?.message.contains("200000 values") == true)
    }

    @Test func nestingHasAnEnd() {
        let text = String(repeating: "[", count: 1_000) + String(repeating: "]", count: 1_000)
        #expect(throws: Failure.self) { try YAML.parse(text) }
    }

    @Test(arguments: [
        ("a: 1\nb: 2\na: 3", 3, 1, "stands twice"), ("a: [1, 2", 2, 1, "did not find expected"),
        ("a: *x", 1, 4, "anchored as x"),
        ("a: 1\n--- \nb: 2", 2, 1, "second document"), ("a: !!binary abcd", 1, 4, "tag"), ("a: !thing {}", 1, 4, "tag"),
        ("? [1]\n: 2", 1, 3, "a name is expected"), ("a: &x 1\nb:\n  <<: *x", 3, 3, "merged"),
        ("a: \"\\q\"", 1, 5, "unknown escape"),
        ("a:\n\t- b", 2, 1, "cannot start any token"), ("a: @b", 1, 4, "cannot start any token"),
    ])
    func aMistakeIsShownWhereItIs(text: String, line: Int, column: Int, reason: String) {
        let failure = #expect(throws: Failure.self) { try YAML.parse(text) }
        #expect(
            failure?.message.hasPrefix("Malformed YAML at line \(line), column \(column): ") == true,
            "\(failure?.message ?? "")")
        #expect(failure?.message.contains(reason) == true, "\(failure?.message ?? "")")
    }

    @Test func emptyIsNull() throws {
        #expect(try YAML.parse("") == .null)
        #expect(try YAML.parse("# nothing but words\n") == .null)
    }

    @Test func neverCrashesOnNoise() {
        let chance = SeededChance(seed: 6)
        let pieces = [
            "a: ", "- ", "\n", "  ", "[", "]", "{", "}", "&x ", "*x", "'", "\"", "|", ">", "!", "? ", ", ", "#", "%",
            "\t", "é",
        ]
        for _ in 0..<5_000 {
            let text = (0..<chance.below(20)).map { _ in pieces[chance.below(pieces.count)] }.joined()
            _ = try? YAML.parse(text)
        }
    }
}
