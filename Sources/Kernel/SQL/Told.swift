package import Base
import Trace

/// Reads and writes that are part of a story that people follow: each is a span with a name.
extension Database {
    package func read<Value: Sendable>(
        to purpose: String, _ body: @escaping @Sendable (Transaction) throws -> Value
    ) async throws(Failure) -> Value {
        try await Tracing.span(purpose, .sql, by: "database") { () async throws(Failure) in try await read(body) }
    }

    @discardableResult
    package func write<Value: Sendable>(
        to purpose: String, _ body: @escaping @Sendable (Transaction) throws -> Value
    ) async throws(Failure) -> Value {
        try await Tracing.span(purpose, .sql, by: "database") { () async throws(Failure) in try await write(body) }
    }
}
