import API
import Base
import HTTP
import Policy
import SQL

/// A thing of the Identity API: one row, one document, one set of attributes that rules may ask for.
protocol Resource: Record {
    /// Its name in a document: `project`.
    static var one: String { get }
    /// The name of its collection in documents and paths: `projects`.
    static var many: String { get }
    var id: ID<Self> { get }
    func write(to json: inout JSONWriter)
    /// What rules may ask of it, by the names that policy files use: `target.project.domain_id`.
    func attribute(_ name: String) -> String?
    /// Where it stands, behind the version.
    var path: String { get }
}

extension Resource {
    func attribute(_ name: String) -> String? { nil }
    var path: String { "/\(Self.many)/\(id)" }
}

extension Reply {
    /// `{"project": {…, "links": {"self": …}}}`
    static func one<Thing: Resource>(_ thing: Thing, _ call: Call<Identity>, status: Int = 200) -> Reply {
        .json(status) { json in
            json.object(Thing.one) { thing.write(to: &$0, with: call) }
        }
    }

    /// `{"projects": […], "links": {"self": …, "previous": null, "next": …}}`, and `"truncated": true` where there is more.
    static func many<Thing: Resource>(_ page: Page<Thing>, _ call: Call<Identity>) -> Reply {
        many(Thing.many, page.things, call, next: page.next) { thing, json in thing.write(to: &json, with: call) }
    }

    static func many<Thing: Resource>(_ things: [Thing], _ call: Call<Identity>) -> Reply {
        many(Page(things: things), call)
    }

    static func many<Thing>(
        _ name: String, _ things: [Thing], _ call: Call<Identity>, next: String? = nil,
        _ write: (Thing, inout JSONWriter) -> Void
    ) -> Reply {
        .json { json in
            json.array(name, of: things) { thing, json in json.object { write(thing, &$0) } }
            json.object("links") {
                $0.put("next", next.map(call.linkOfPage(after:)))
                $0.put("self", call.ownLink)
                $0.putNull("previous")
            }
            if next != nil { json.put("truncated", true) }
        }
    }
}

extension Resource {
    func write(to json: inout JSONWriter, with call: Call<Identity>) {
        write(to: &json)
        json.object("links") { $0.put("self", call.link("/v3" + path)) }
    }
}

extension Call<Identity> {
    /// A token for a domain shows that domain, even to those whose rule lets them see more.
    func isWithin(_ domain: String?) -> Bool {
        guard let own = caller.domainID else { return true }
        return own == domain
    }

    /// The same for a list, whose things have the domain as this attribute.
    func scopeOfList(_ attribute: String) -> Scope {
        guard let own = caller.domainID else { return scope }
        return .all([scope, .when(attribute, own)])
    }

    /// The thing, if a rule lets the caller do this to it. Where handlers find things before they ask this, anybody may
    /// learn that something isn't there: so it is with what the reference looks for first.
    func admit<Thing: Resource>(_ thing: Thing, under rule: Rule) throws(Failure) -> Thing {
        guard scope(under: rule).covers(thing.attribute) else { throw exchange.refusal(rule) }
        return thing
    }

    /// The link of the request itself, as lists show it.
    var ownLink: String { ownURL + (request.query.map { "?" + $0 } ?? "") }

    /// The same list from there on.
    func linkOfPage(after last: String) -> String {
        let items = listing.items.filter { $0.name != "marker" } + [.init("marker", last)]
        return ownURL + "?" + Parameters(items).text
    }

    /// What is asked of a list: no more than the cloud gives unasked.
    var listing: Parameters {
        guard let limit = service.settings.listLimit, query["limit"] == nil else { return query }
        return Parameters(query.items + [.init("limit", String(limit))])
    }

    /// The same without the query.
    var ownURL: String { link(request.path.droppingService(exchange.base)) }
}

extension String {
    /// The path as the service has it, without the part by which the gateway tells services apart.
    fileprivate func droppingService(_ base: String) -> String {
        guard let start = firstRange(of: "/v3") else { return self }
        return String(self[start.lowerBound...])
    }
}

/// A piece of a list, and where the next one begins.
struct Page<Thing: Resource>: Sendable {
    var things: [Thing]
    var next: String?

    init(things: [Thing], next: String? = nil) {
        self.things = things
        self.next = next
    }
}

extension Scope {
    /// The thing, if it is there and within reach.
    ///
    /// Identity says 403 for what is out of reach, and the same for what isn't there to those who could not see it
    /// anyway, so that nobody learns which ids exist.
    func admit<Thing: Resource>(_ thing: Thing?, _ id: ID<Thing>) throws(Failure) -> Thing {
        guard let thing else {
            guard self == .everywhere else { throw .outOfReach }
            throw .notFound(Thing.one, id.text)
        }
        guard covers(thing.attribute) else { throw .outOfReach }
        return thing
    }
}
