import Base
import HTTP

extension Dialect {
    /// Where a service insists on its media type: 415 for a body of another one, 406 for who wants another answer.
    func admitMedia(of request: HTTPRequest, for entry: ServiceAPI.Entry) throws(Failure) {
        guard let mediaType else { return }
        let given = request.headers["content-type"] ?? ""
        guard !given.isEmpty || request.body.length == 0 else {
            throw .invalid("content-type header required when content-length > 0")
        }
        if case .json = entry.body {
            let type = given.split(separator: ";").first.map { $0.trimmed } ?? "None"
            guard type == mediaType else {
                throw Failure(
                    .unsupportedMediaType, "The media type \(type) is not supported, use \(mediaType)")
            }
        }
        guard entry.method == "GET", let accept = request.headers["accept"], !accept.isEmpty else { return }
        guard Dialect.accepts(mediaType, accept) else {
            throw Failure(.notAcceptable, "Only \(mediaType) is provided")
        }
    }

    private static func accepts(_ type: String, _ accept: String) -> Bool {
        let family = type.prefix { $0 != "/" } + "/*"
        return accept.split(separator: ",").contains { range in
            let parts = range.split(separator: ";").map(\.trimmed)
            guard let name = parts.first, name == type || name == family || name == "*/*" else { return false }
            return !parts.dropFirst().contains { $0 == "q=0" || $0 == "q=0.0" }
        }
    }
}

extension Substring {
    fileprivate var trimmed: String {
        var rest = self
        while rest.first == " " { rest.removeFirst() }
        while rest.last == " " { rest.removeLast() }
        return String(rest)
    }
}
