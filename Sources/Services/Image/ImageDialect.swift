import API
import Base
import HTTP

extension Dialect {
    /// `{"code": "404 Not Found", "message": "No image found with ID 42", "title": "Not Found"}`
    static let image = Dialect(
        statuses: [.overQuota: 413],
        refusal: { "You are not authorized to complete \($0) action." },
        write: { failure, status, _ in
            let reason = HTTPStatus.reason(status).description
            var json = JSONWriter()
            json.object {
                $0.put("code", "\(status) \(reason)")
                $0.put("message", failure.message)
                $0.put("title", reason)
            }
            return json.finish()
        })
}
