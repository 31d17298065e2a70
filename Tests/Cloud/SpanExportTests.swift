import Base
import HTTP
import IO
import Synchronization
import Testing
import Trace

@testable import Cloud

@Suite struct SpanExportTests {
    private let span = Span(
        trace: 1, id: 2, parent: 3, name: "ask", kind: .call, actor: "conductor", start: Moment(microseconds: 5),
        duration: .microseconds(7), failure: "no")

    /// Answers as a collector does, until the body is over.
    private func withCollector(
        answering answer: @escaping @Sendable ([UInt8]) -> Int, _ body: (String, Loops) async throws -> Void
    ) async throws {
        let loops = Loops(count: 1)
        let server = try HTTPServer(on: loops, listeners: [.init(.tcp(host: "127.0.0.1", port: 0))]) { request in
            let bytes = (try? await request.body.collect(limit: 1 << 20)) ?? []
            return HTTPResponse(request.path == "/v1/traces" ? answer(bytes) : 404)
        }
        let running = Task { try await server.run() }
        try await body("http://\(server.addresses[0].description)/", loops)
        running.cancel()
        try? await running.value
        await loops.stop()
    }

    @Test func aCollectorIsToldWhatWasDone() async throws {
        let seen = Mutex<[JSON]>([])
        let ring = SpanRing()
        let answer: @Sendable ([UInt8]) -> Int = { bytes in
            let json = (try? JSONReader.read(bytes)) ?? .null
            seen.withLock { $0.append(json) }
            return 200
        }
        try await withCollector(answering: answer) { address, loops in
            let export = try SpanExport(address, host: "here", on: loops, ring: ring, world: World())
            let exporting = Task { await export.run { _ in } }
            while seen.withLock({ $0.isEmpty }) {
                ring.note(span)
                try await Task.sleep(for: .milliseconds(20))
            }
            exporting.cancel()
            await exporting.value
        }
        let resource = seen.withLock { $0.first?["resourceSpans"]?.array?.first }
        #expect(resource?["resource"]?["attributes"]?.array?.first?["value"]?["stringValue"] == "martlet-conductor")
        let told = resource?["scopeSpans"]?.array?.first?["spans"]?.array?.first
        #expect(told?["traceId"] == "00000000000000000000000000000001")
        #expect(told?["spanId"] == "0000000000000002")
        #expect(told?["parentSpanId"] == "0000000000000003")
        #expect(told?["startTimeUnixNano"] == "5000")
        #expect(told?["endTimeUnixNano"] == "12000")
        #expect(told?["status"]?["code"] == 2)
    }

    @Test func aCollectorThatRefusesIsComplainedOfOnce() async throws {
        let (asked, complaints, ring) = (Counter(), Counter(), SpanRing())
        let answer: @Sendable ([UInt8]) -> Int = { _ in
            asked.add()
            return 503
        }
        try await withCollector(answering: answer) { address, loops in
            let export = try SpanExport(address, host: "here", on: loops, ring: ring, world: World())
            let exporting = Task { await export.run { _ in complaints.add() } }
            while asked.count < 2 {
                ring.note(span)
                try await Task.sleep(for: .milliseconds(20))
            }
            exporting.cancel()
            await exporting.value
        }
        #expect(complaints.count == 1)
    }

    @Test func aRingThatNobodyEmptiesStaysSmallAndDropsTheOldest() {
        let ring = SpanRing()
        ring.note(span)
        #expect(ring.take(1).isEmpty, "Nobody wants them yet.")
        ring.begin()
        for number in 0..<20_000 {
            ring.note(
                Span(
                    trace: 1, id: UInt64(number), parent: nil, name: "", kind: .step, actor: "",
                    start: Moment(microseconds: 0)))
        }
        let left = ring.take(.max)
        #expect(left.count <= 8_192)
        #expect(left.count + ring.dropped == 20_000)
        #expect(left.last?.id == 19_999)
    }
}

private final class Counter: Sendable {
    private let number = Atomic(0)

    var count: Int { number.load(ordering: .relaxed) }
    func add() { number.add(1, ordering: .relaxed) }
}
