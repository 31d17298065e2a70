import Base

/// A program of somebody else's that may ask users to lend it some of their power, the OAuth way.
struct Consumer: Resource, Hashable {
    static let one = "consumer"
    static let many = "consumers"

    let id: ID<Consumer>
    var description: String?
    /// What it signs its requests with, as it is kept: sealed.
    let secret: Sealed
    var extra: Extra
}

extension Consumer {
    static let known: Set<String> = ["id", "description", "secret"]

    init(_ body: JSON.Object, id: ID<Consumer>, secret: Sealed) {
        self.init(
            id: id, description: body.text("description"), secret: secret,
            extra: Extra(of: body, except: Consumer.known))
    }

    var path: String { "/OS-OAUTH1/consumers/\(id)" }

    mutating func change(_ body: JSON.Object) throws(Failure) {
        if let given = body.text("id"), given != id.text { throw .invalid("Cannot change consumer ID.") }
        guard !body.has("secret") else { throw .field("consumer.secret", "cannot be changed") }
        if body.has("description") { description = body.text("description") }
        extra = extra.merging(Extra(of: body, except: Consumer.known))
    }

    /// Without the secret, which is shown once, when it is made.
    func write(to json: inout JSONWriter) {
        json.put("id", id)
        json.put("description", description)
        extra.write(to: &json)
    }
}
