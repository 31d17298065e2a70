import Base
import Synchronization

/// What went through the door, counted, as Prometheus reads it.
package final class Metrics: Sendable {
    fileprivate struct Series {
        let method: String
        let endpoint: String
        let status: Int
        let isHead: Bool
        var count = 0
        var microseconds: Int64 = 0
    }

    /// What one service was asked.
    private struct Asked {
        let service: ServiceAPI
        /// By the endpoint's number; the last is for all paths that lead nowhere, of which clients could make up any
        /// number.
        var requests: [[Series]]
        /// How many took no longer than each of the bounds.
        var durations = Array(repeating: 0, count: Metrics.bounds.count + 1)

        init(_ service: ServiceAPI) {
            self.service = service
            requests = Array(repeating: [], count: service.endpoints.count + 1)
        }

        var isUsed: Bool { durations.contains { $0 > 0 } }

        mutating func note(_ passage: Passage) {
            let taken = passage.duration.microseconds
            durations[Metrics.bounds.firstIndex { taken <= $0 } ?? Metrics.bounds.count] += 1
            let number = passage.entry?.number ?? service.endpoints.count
            for place in requests[number].indices where requests[number][place].isOf(passage) {
                requests[number][place].add(taken)
                return
            }
            var series = Series(passage)
            series.add(taken)
            requests[number].append(series)
        }
    }

    private let asked: Mutex<[Asked]>

    /// In microseconds: from what a token costs to what nobody waits for.
    private static let bounds: [Int64] = [250, 1_000, 5_000, 25_000, 100_000, 500_000, 2_500_000, 10_000_000]

    package init(_ services: [ServiceAPI]) { asked = Mutex(services.map { Asked($0) }) }

    package func note(_ passage: Passage) {
        asked.withLock { asked in
            guard let place = asked.firstIndex(where: { $0.service === passage.api }) else { return }
            asked[place].note(passage)
        }
    }

    /// A figure that is asked for when it is wanted.
    package struct Gauge: Sendable {
        package let name: String
        package let help: String
        package let isCounter: Bool
        package let values: [(labels: [(name: String, value: String)], value: Double)]

        package init(
            _ name: String, _ help: String, isCounter: Bool = false,
            values: [(labels: [(name: String, value: String)], value: Double)]
        ) {
            self.name = name
            self.help = help
            self.isCounter = isCounter
            self.values = values
        }

        package init(_ name: String, _ help: String, isCounter: Bool = false, _ value: Double) {
            self.init(name, help, isCounter: isCounter, values: [(labels: [], value: value)])
        }
    }

    package func text(_ gauges: [Gauge]) -> String {
        let asked = self.asked.withLock { $0 }.filter(\.isUsed).sorted { $0.service.name < $1.service.name }
        let ordered = asked.flatMap { asked in
            asked.requests.joined().sorted().map { (labels: $0.labels(of: asked.service.name), series: $0) }
        }
        var text = Metrics.text(
            Gauge(
                "martlet_requests_total", "Requests answered.", isCounter: true,
                values: ordered.map { (labels: $0.labels, value: Double($0.series.count)) }))
        text += Metrics.text(
            Gauge(
                "martlet_request_seconds_total", "Time until they were answered.", isCounter: true,
                values: ordered.map { (labels: $0.labels, value: Double($0.series.microseconds) / 1e6) }))
        text += Metrics.histogram(asked.map { ($0.service.name, $0.durations) })
        for gauge in gauges { text += Metrics.text(gauge) }
        return text
    }

    private static func histogram(_ durations: [(service: String, counts: [Int])]) -> String {
        let name = "martlet_request_duration_seconds"
        var text = "# HELP \(name) How long requests took.\n# TYPE \(name) histogram\n"
        for (service, counts) in durations {
            var sum = 0
            for (place, count) in counts.enumerated() {
                sum += count
                let bound = place < bounds.count ? "\(Double(bounds[place]) / 1e6)" : "+Inf"
                text += "\(name)_bucket{service=\"\(service)\",le=\"\(bound)\"} \(sum)\n"
            }
            text += "\(name)_count{service=\"\(service)\"} \(sum)\n"
        }
        return text
    }

    private static func text(_ gauge: Gauge) -> String {
        var text = "# HELP \(gauge.name) \(gauge.help)\n# TYPE \(gauge.name) \(gauge.isCounter ? "counter" : "gauge")\n"
        for value in gauge.values {
            let labels = value.labels.map { "\($0.name)=\"\(escaped($0.value))\"" }.joined(separator: ",")
            let number =
                value.value == value.value.rounded() && value.value.magnitude < 1e15
                ? "\(Int64(value.value))" : "\(value.value)"
            text += "\(gauge.name)\(labels.isEmpty ? "" : "{\(labels)}") \(number)\n"
        }
        return text
    }

    private static func escaped(_ text: String) -> String {
        text.map { $0 == "\"" || $0 == "\\" ? "\\\($0)" : $0 == "\n" ? "\\n" : String($0) }.joined()
    }
}

extension Metrics.Series: Comparable {
    fileprivate init(_ passage: Passage) {
        method = passage.entry == nil ? "-" : passage.method
        endpoint = passage.endpoint ?? "-"
        status = passage.status
        isHead = passage.method == "HEAD"
    }

    fileprivate func isOf(_ passage: Passage) -> Bool {
        status == passage.status && isHead == (passage.method == "HEAD")
    }

    fileprivate mutating func add(_ taken: Int64) {
        count += 1
        microseconds += taken
    }

    fileprivate func labels(of service: String) -> [(name: String, value: String)] {
        [
            (name: "service", value: service), (name: "method", value: method), (name: "endpoint", value: endpoint),
            (name: "status", value: "\(status)"),
        ]
    }

    fileprivate static func < (left: Metrics.Series, right: Metrics.Series) -> Bool {
        (left.endpoint, left.method, left.status) < (right.endpoint, right.method, right.status)
    }
}
