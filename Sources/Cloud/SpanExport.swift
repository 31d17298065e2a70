import Base
import HTTP
import IO
import Synchronization
import Trace

/// Tells a collector what was done here, in OTLP's JSON over HTTP. What it doesn't take in time is dropped: no request
/// waits for it.
struct SpanExport: Sendable {
    private let url: HTTPURL
    private let client: HTTPClient
    private let host: String
    private let ring: SpanRing
    private let world: World

    private static let pace: Duration = .seconds(1)
    private static let atOnce = 512
    private static let patience: Duration = .seconds(5)

    /// - Parameter address: `http://collector:4318`, to which OTLP's own path is added.
    init(_ address: String, host: String, on loops: Loops, ring: SpanRing = .process, world: World) throws(Failure) {
        let base = address.hasSuffix("/") ? String(address.dropLast()) : address
        url = try HTTPURL(base + "/v1/traces")
        client = HTTPClient(on: loops, trust: url.origin.isEncrypted ? try TLSTrust() : nil)
        self.host = host
        self.ring = ring
        self.world = world
    }

    /// Until the task is cancelled.
    func run(_ report: @Sendable (Failure) -> Void) async {
        ring.begin()
        var isComplained = false
        while (try? await world.clock.sleep(for: SpanExport.pace)) != nil {
            let spans = ring.take(SpanExport.atOnce)
            guard !spans.isEmpty else { continue }
            do throws(Failure) {
                try await send(spans)
                isComplained = false
            } catch {
                if !isComplained { report(error) }
                isComplained = true
            }
        }
        ring.end()
        await client.close()
    }

    private func send(_ spans: [Span]) async throws(Failure) {
        let headers: HTTPHeaders = ["Host": url.origin.host, "Content-Type": "application/json"]
        let request = HTTPRequest("POST", url.target, headers: headers, body: HTTPBody(text(of: spans)))
        let reply = try await client.send(request, to: url.origin, by: .after(SpanExport.patience))
        _ = try await reply.body.collect(limit: 1 << 20)
        guard reply.status < 300 else { throw .unavailable("The collector of spans answers with \(reply.status).") }
    }

    /// Each role is a service of its own, as the collector sees it.
    func text(of spans: [Span]) -> [UInt8] {
        let groups = Dictionary(grouping: spans, by: \.actor).sorted { $0.key < $1.key }
        var writer = JSONWriter()
        writer.object { writer in
            writer.array("resourceSpans", of: groups) { group, writer in
                writer.object { writer in
                    writer.object("resource") { writer in
                        let about = [("service.name", "martlet-" + group.key), ("host.name", host)]
                        writer.array("attributes", of: about) { SpanExport.put($0, &$1) }
                    }
                    writer.array("scopeSpans", of: [group.value]) { spans, writer in
                        writer.object { writer in
                            writer.object("scope") { $0.put("name", "martlet") }
                            writer.array("spans", of: spans) { SpanExport.put($0, &$1) }
                        }
                    }
                }
            }
        }
        return writer.finish()
    }

    private static func put(_ attribute: (name: String, value: String), _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.put("key", attribute.name)
            writer.object("value") { $0.put("stringValue", attribute.value) }
        }
    }

    private static func put(_ span: Span, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.put("traceId", hexadecimal(0) + hexadecimal(span.trace))
            writer.put("spanId", hexadecimal(span.id))
            if let parent = span.parent { writer.put("parentSpanId", hexadecimal(parent)) }
            writer.put("name", span.name)
            writer.put("kind", span.kind.number)
            writer.put("startTimeUnixNano", nanoseconds(span.start))
            writer.put("endTimeUnixNano", nanoseconds(span.start + span.duration))
            writer.array("attributes", of: [("martlet.kind", span.kind.rawValue)]) { put($0, &$1) }
            writer.object("status") { writer in
                writer.put("code", span.failure == nil ? 1 : 2)
                if let failure = span.failure { writer.put("message", failure) }
            }
        }
    }

    private static func hexadecimal(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    private static func nanoseconds(_ moment: Moment) -> String { "\(moment.microseconds)000" }
}

extension Span.Kind {
    /// OTLP's numbers: internal, server, client, producer, consumer.
    fileprivate var number: Int {
        switch self {
        case .rest, .call, .sql, .hypervisor, .program: 3
        case .cast: 4
        case .serve: 2
        case .step: 1
        }
    }
}
