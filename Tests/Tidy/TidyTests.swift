import Foundation
import Testing

/// The rules of the house that a machine can look after. Each says what to do instead.
@Suite struct TidyTests {
    struct Source: Sendable, CustomStringConvertible {
        let path: String
        let lines: [Substring]
        var description: String { path }
    }

    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    static let sources: [Source] = {
        let folder = root + "/Sources"
        let names = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
        return names.filter { $0.hasSuffix(".swift") }.sorted().compactMap { name in
            guard let text = try? String(contentsOfFile: folder + "/" + name, encoding: .utf8) else { return nil }
            return Source(path: name, lines: text.split(separator: "\n", omittingEmptySubsequences: false))
        }
    }()

    private func complain(_ source: Source, _ number: Int, _ remedy: String) {
        Issue.record("Sources/\(source.path):\(number + 1): \(remedy)")
    }

    /// The rooms from the ground up; what stands in one may use what stands before it.
    private static let rooms = ["Kernel/", "Contracts/", "Services/", "Agents/", "Cloud/", "CloudTesting/"]
    private static let kernel = [
        "Base", "Config", "Crypto", "IO", "AMQP", "Trace", "Programs", "SQL", "HTTP", "Policy", "Bus", "Workflow",
        "API",
    ]

    private func height(of module: String) -> Int? {
        if let place = TidyTests.kernel.firstIndex(of: module) { return place }
        if module == "Contracts" { return 100 }
        return TidyTests.neighbours.contains(module) ? 200 : nil
    }

    /// The services and agents, by their folders.
    private static let neighbours: Set<String> = Set(
        ["Services", "Agents"].flatMap { room in
            (try? FileManager.default.contentsOfDirectory(atPath: root + "/Sources/" + room)) ?? []
        })

    @Test func arrowsPointDown() {
        #expect(TidyTests.sources.count > 300)
        for source in TidyTests.sources {
            let parts = source.path.split(separator: "/").map(String.init)
            guard let room = parts.first, ["Kernel", "Contracts", "Services", "Agents"].contains(room) else { continue }
            let module = room == "Contracts" ? room : parts[1]
            guard let own = height(of: module) else {
                Issue.record("Sources/\(source.path): say in Tests/Tidy where the module \(module) stands")
                continue
            }
            for (number, line) in source.lines.enumerated() {
                guard let imported = TidyTests.module(importedBy: line), imported != module else { continue }
                if imported == "Foundation" {
                    complain(source, number, "Foundation is not linked: Base, IO and Crypto have what it is wanted for")
                }
                if ["Cloud", "CloudTesting", "Simulation"].contains(imported) {
                    complain(
                        source, number,
                        "only the program and tests may import \(imported): take what is needed as a parameter")
                }
                guard let other = height(of: imported) else { continue }
                if own == 200, other == 200 {
                    complain(
                        source, number,
                        "\(module) and \(imported) are neighbours: speak through Contracts, the bus or a Neighbour")
                } else if other > own {
                    complain(
                        source, number,
                        "\(imported) stands above \(module): move what is shared down, or turn the arrow with a protocol"
                    )
                }
            }
        }
    }

    private static func module(importedBy line: Substring) -> String? {
        let words = line.split(separator: " ")
        guard let place = words.firstIndex(of: "import"), place < 3, place + 1 < words.count,
            !line.hasPrefix("//")
        else { return nil }
        return String(words[place + 1])
    }

    @Test func timeAndChanceAreParameters() {
        let forbidden: [(word: String, remedy: String)] = [
            ("Date()", "ask world.now"), ("Task.sleep", "sleep by world.clock"), (".random(", "ask world.chance"),
            ("SystemRandomNumberGenerator", "ask world.chance"), ("usleep(", "sleep by world.clock"),
            ("ContinuousClock", "ask world.clock"), ("gettimeofday", "ask world.now"),
        ]
        for source in TidyTests.sources where !source.path.hasPrefix("Kernel/Base/") {
            for (number, line) in source.lines.enumerated() where !line.drop(while: { $0 == " " }).hasPrefix("//") {
                for rule in forbidden where line.contains(rule.word) && !TidyTests.mayWait(source.path, rule.word) {
                    complain(source, number, "no \(rule.word) outside of Base: \(rule.remedy)")
                }
            }
        }
    }

    /// Where there is no world to ask: the event loop itself, and the outermost wait for the end of the program.
    private static func mayWait(_ path: String, _ word: String) -> Bool {
        path.hasPrefix("Kernel/IO/") || (word == "Task.sleep" && path.hasPrefix("Cloud/"))
            || path.hasPrefix("Tools/") || path.hasPrefix("Simulation/")
    }

    @Test func namesSayWhatThingsAre() {
        let empty = ["Manager", "Helper", "Helpers", "Util", "Utils", "Utility", "Utilities", "Impl"]
        for source in TidyTests.sources {
            let name = source.path.split(separator: "/").last.map { $0.dropLast(6) } ?? ""
            for word in empty where name.hasSuffix(word) {
                Issue.record("Sources/\(source.path): \(word) says nothing: name it for what it knows or does")
            }
            for (number, line) in source.lines.enumerated() {
                let words = line.split(separator: " ")
                guard
                    let kind = words.firstIndex(where: {
                        ["struct", "class", "enum", "actor", "protocol"].contains($0)
                    }),
                    kind < 4, kind + 1 < words.count, !line.drop(while: { $0 == " " }).hasPrefix("//")
                else { continue }
                let name = words[kind + 1].prefix { $0.isLetter || $0.isNumber }
                for word in empty where name.hasSuffix(word) {
                    complain(source, number, "\(name): \(word) says nothing, name it for what it knows or does")
                }
            }
        }
    }

    @Test func theManifestKnowsEveryModule() throws {
        let manifest = try String(contentsOfFile: TidyTests.root + "/Package.swift", encoding: .utf8)
        for module in TidyTests.kernel + TidyTests.neighbours.sorted() {
            #expect(manifest.contains("\"\(module)\""), "Package.swift has no line for \(module)")
        }
    }
}
