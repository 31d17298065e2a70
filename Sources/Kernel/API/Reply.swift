package import Base
package import HTTP

/// What a handler answers.
package struct Reply: Sendable {
    package var status: Int
    package var headers: HTTPHeaders
    package var body: HTTPResponse.Body

    package init(_ status: Int, headers: HTTPHeaders = HTTPHeaders(), body: HTTPResponse.Body = .none) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// An object, written member by member.
    package static func json(
        _ status: Int = 200, headers: HTTPHeaders = HTTPHeaders(), _ write: (inout JSONWriter) -> Void
    ) -> Reply {
        var json = JSONWriter()
        json.object(write)
        var reply = Reply(status, headers: headers, body: .bytes(json.finish()))
        reply.headers.append("Content-Type", "application/json")
        return reply
    }

    package static let noContent = Reply(204)
}
