import API

extension Dialect {
    static let compute = named(olderRequestID: "X-Compute-Request-Id")
}
