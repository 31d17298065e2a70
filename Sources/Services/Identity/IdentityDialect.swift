import API
import Base
import HTTP

extension Dialect {
    /// `{"error": {"code": 404, "message": "Could not find project: 42.", "title": "Not Found"}}`
    static let identity = Dialect(
        statuses: [.overQuota: 403],
        refusal: { "You are not authorized to perform the requested action: \($0)." },
        write: { failure, status, _ in
            var json = JSONWriter()
            json.object {
                $0.object("error") {
                    $0.put("code", status)
                    $0.put("message", failure.message)
                    $0.put("title", HTTPStatus.reason(status).description)
                }
            }
            return json.finish()
        })
}
