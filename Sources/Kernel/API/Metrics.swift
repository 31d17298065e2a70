import Base
import Synchronization

/// What went through the door, counted, as Prometheus reads it.
package final class Metrics: Sendable {
    private struct Kind: Hashable {
        let service: String
        let method: String
        let endpoint: String
        let status: Int
    }

    private struct Series {
        var count = 0
        var microseconds: Int64 = 0
    }

    private struct State {
        var requests: [Kind: Series] = [:]
        /// By service: how many took no longer than each of the bounds.
        var durations: [String: [Int]] = [:]
    }

    private let state = Mutex(State())

    /// In microseconds: from what a token costs to what nobody waits for.
    private static let bounds: [Int64] = [250, 1_000, 5_000, 25_000, 100_000, 500_000, 2_500_000, 10_000_000]

    package init() {}

    package func note(_ passage: Passage) {
        // Paths that lead nowhere are counted together: clients could make up any number of them.
        let kind = Kind(
            service: passage.service, method: passage.endpoint == nil ? "-" : passage.method,
            endpoint: passage.endpoint ?? "-", status: passage.status)
        let taken = passage.duration.microseconds
        state.withLock { state in
            state.requests[kind, default: Series()].count += 1
            state.requests[kind, default: Series()].microseconds += taken
            let place = Metrics.bounds.firstIndex { taken <= $0 } ?? Metrics.bounds.count
            state.durations[passage.service, default: Array(repeating: 0, count: Metrics.bounds.count + 1)][place] += 1
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
        let (requests, durations) = state.withLock { ($0.requests, $0.durations) }
        let ordered = requests.sorted {
            ($0.key.service, $0.key.endpoint, $0.key.method, $0.key.status)
                < ($1.key.service, $1.key.endpoint, $1.key.method, $1.key.status)
        }
        func labels(_ kind: Kind) -> [(name: String, value: String)] {
            [
                (name: "service", value: kind.service), (name: "method", value: kind.method),
                (name: "endpoint", value: kind.endpoint), (name: "status", value: "\(kind.status)"),
            ]
        }
        var text = Metrics.text(
            Gauge(
                "martlet_requests_total", "Requests answered.", isCounter: true,
                values: ordered.map { (labels: labels($0.key), value: Double($0.value.count)) }))
        text += Metrics.text(
            Gauge(
                "martlet_request_seconds_total", "Time until they were answered.", isCounter: true,
                values: ordered.map { (labels: labels($0.key), value: Double($0.value.microseconds) / 1e6) }))
        text += Metrics.histogram(durations)
        for gauge in gauges { text += Metrics.text(gauge) }
        return text
    }

    private static func histogram(_ durations: [String: [Int]]) -> String {
        let name = "martlet_request_duration_seconds"
        var text = "# HELP \(name) How long requests took.\n# TYPE \(name) histogram\n"
        for (service, counts) in durations.sorted(by: { $0.key < $1.key }) {
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
