import API
import Base
import HTTP

extension Call<Placement> {
    /// Where the service stands on its host: "/placement" behind the gateway, nothing on its own port.
    var prefix: String {
        guard let host = exchange.base.firstRange(of: "://") else { return "" }
        return String(exchange.base[host.upperBound...].drop { $0 != "/" })
    }

    /// When something changed, for those versions that say so. Nothing may be cached, as anything may change.
    func fresh(_ modified: Moment?) -> HTTPHeaders {
        guard version >= "1.15" else { return HTTPHeaders() }
        return [
            "Last-Modified": HTTPDate.text(modified ?? service.world.now), "Cache-Control": "no-cache",
        ]
    }

    /// Refuses parameters that nobody knows, and those that aren't of their shape.
    func admitQuery(_ fields: Fields) throws(Failure) {
        var given = JSON.Object()
        for item in query.items { given[item.name] = .string(item.value ?? "") }
        do throws(Complaint) {
            try Shape.object(fields).check(.object(given), version: version)
        } catch {
            throw .invalid("Invalid query string parameters: \(error.schemaFinding)")
        }
    }

    /// The last value of a parameter, which is the one that counts where only one may be.
    func last(_ name: String) -> String? { query.all(name).last }
}

extension Fields {
    /// The same as what an endpoint says of itself.
    var parameters: [Parameter] { fields.map { Parameter($0.name, $0.shape, since: $0.since) } }
}

extension Reply {
    static func made(at link: String, headers: HTTPHeaders = HTTPHeaders()) -> Reply {
        var reply = Reply(201, headers: headers)
        reply.headers.append("Location", link)
        return reply
    }
}
