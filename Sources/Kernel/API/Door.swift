package import Base
package import HTTP
import IO
import Policy
package import Trace

/// The one way in: every request to every service passes through `respond`, whether it came by a socket or from a
/// neighbour in the same process.
package struct Door: Sendable {
    private let rooms: [Room]
    private let authenticator: any Authenticator
    private let world: World
    private let log: Log
    private let stories = Stories()
    /// The port behind which all services stand, told apart by path.
    private let gateway: Int?
    private let origins: CrossOrigin
    private let metrics: Metrics
    private let signposts = Signposts()
    private let gauges: @Sendable () async -> [Metrics.Gauge]
    private let audit: @Sendable (Passage) -> Void
    private let told: (@Sendable (_ requestID: String, [Span]) -> Void)?

    /// - Parameters:
    ///   - overrides: an operator's checks, by service and rule.
    ///   - gauges: figures for `/metrics` that are not the door's own.
    ///   - audit: hears of every request that was answered.
    ///   - told: given where nobody in this process goes on with a request's story: gets what is left of it.
    package init(
        _ services: [ServiceAPI], gateway: Int?, overrides: [String: [String: String]] = [:],
        authenticator: any Authenticator, world: World, log: Log, origins: CrossOrigin = .none,
        gauges: @escaping @Sendable () async -> [Metrics.Gauge] = { [] },
        audit: @escaping @Sendable (Passage) -> Void = { _ in },
        told: (@Sendable (_ requestID: String, [Span]) -> Void)? = nil
    ) throws(Failure) {
        var rooms: [Room] = []
        for service in services {
            let policy = try Policy(
                service.rules, definitions: service.definitions, overrides: overrides[service.name] ?? [:])
            rooms.append(Room(service, policy))
        }
        self.rooms = rooms
        metrics = Metrics(services)
        self.gateway = gateway
        self.authenticator = authenticator
        self.world = world
        self.log = log
        self.origins = origins
        self.gauges = gauges
        self.audit = audit
        self.told = told
    }

    /// A service with the rules in force for it. Each request has hold of one, so it is shared, not copied.
    private final class Room: Sendable {
        let service: ServiceAPI
        let policy: Policy

        init(_ service: ServiceAPI, _ policy: Policy) {
            self.service = service
            self.policy = policy
        }
    }

    package func respond(to request: HTTPRequest) async -> HTTPResponse {
        if request.path == "/healthcheck" { return HTTPResponse(200, body: .bytes(Array("OK".utf8))) }
        if request.path == "/metrics", Door.isNear(request.peer) { return await figures() }
        if let answer = origins.preflight(request) { return answer }
        if let signpost = signposts.find(for: request),
            (try? signpost.service.versions.negotiate(request.headers)) == signpost.version
        {
            return show(signpost, request)
        }
        guard let way = way(of: request) else {
            return HTTPResponse(404, body: .bytes(Array("There is no service here.".utf8)))
        }
        var passage = passage(of: request, to: way.service)
        var version = way.service.versions.oldest
        let response: HTTPResponse
        do {
            if let part = way.unreadable { throw Failure.invalid("The path has a malformed percent-encoding: \(part)") }
            version = try way.service.versions.negotiate(request.headers)
            let reply = try await traced(request, way, &passage, version)
            response = HTTPResponse(reply.status, headers: reply.headers, body: reply.body)
            if let entry = passage.entry, entry.isSignpost {
                let signpost = Signposts.Signpost(service: way.service, entry: entry, version: version, reply: reply)
                signposts.keep(signpost, for: request)
            }
        } catch {
            response = refuse(Failure(error), way, passage.requestID, request)
        }
        return pass(response, request, version, way.service, &passage)
    }

    private func show(_ signpost: Signposts.Signpost, _ request: HTTPRequest) -> HTTPResponse {
        var passage = passage(of: request, to: signpost.service)
        passage.entry = signpost.entry
        passage.caller = .nobody
        let reply = signpost.reply
        let response = HTTPResponse(reply.status, headers: reply.headers, body: reply.body)
        return pass(response, request, signpost.version, signpost.service, &passage)
    }

    /// A request that the server refuses before it is whole, in the words of the service that it was for.
    package func refuse(_ refusal: HTTPRefusal, _ request: HTTPRequest) -> HTTPResponse {
        guard let way = way(of: request) else { return HTTPServer.plainRefusal(refusal, of: request) }
        var passage = passage(of: request, to: way.service)
        let failure = Failure(.invalid, refusal.message)
        let body = way.service.dialect.write(failure, refusal.status, passage.requestID)
        var response = HTTPResponse(refusal.status, body: .bytes(body))
        response.headers.append("Content-Type", way.service.dialect.contentType)
        return pass(response, request, nil, way.service, &passage)
    }

    private func passage(of request: HTTPRequest, to service: ServiceAPI) -> Passage {
        Passage(
            api: service, method: request.method, path: request.path, address: request.peer,
            requestID: Door.requestID(request, world), begun: world.now, isFirst: Tracing.current == nil)
    }

    /// What all answers have in common: by which version and under which name, and that they are counted.
    private func pass(
        _ response: HTTPResponse, _ request: HTTPRequest, _ version: Microversion?, _ service: ServiceAPI,
        _ passage: inout Passage
    ) -> HTTPResponse {
        var response = response
        if let version { service.versions.describe(version, in: &response.headers) }
        response.headers.append("X-Openstack-Request-Id", passage.requestID)
        if let older = service.dialect.olderRequestID { response.headers.append(older, passage.requestID) }
        origins.describe(request, in: &response.headers)
        passage.status = response.status
        passage.duration = world.now - passage.begun
        metrics.note(passage)
        audit(passage)
        return response
    }

    /// Figures are for those who look after this machine: nobody else finds them.
    private static func isNear(_ peer: SocketAddress?) -> Bool {
        // Whoever comes by a socket in the file system is on this machine, and may open it.
        guard let peer, peer.port != nil else { return true }
        let host = peer.host
        return host.hasPrefix("127.") || host == "::1" || host == "::ffff:127.0.0.1"
    }

    private func figures() async -> HTTPResponse {
        HTTPResponse(
            200, headers: ["Content-Type": "text/plain; version=0.0.4; charset=utf-8"],
            body: .bytes(Array(metrics.text(await gauges()).utf8)))
    }

    // MARK: A request's way

    /// A request from outside begins a trace; one from a neighbour belongs to the neighbour's.
    private func traced(
        _ request: HTTPRequest, _ way: Way, _ passage: inout Passage, _ version: Microversion
    ) async throws -> Reply {
        if Tracing.current == nil, let story = request.headers[Tracing.header],
            let tracing = Tracing(header: story, requestID: passage.requestID, world: world)
        {
            return try await goOn(with: tracing, request, way, &passage, version)
        }
        guard Tracing.current == nil, request.method != "GET", request.method != "HEAD" else {
            return try await answer(request, way, &passage, version)
        }
        let tracing = Tracing(
            trace: world.chance.next(), requestID: passage.requestID, collector: Collector(), world: world)
        if let token = request.headers["X-Auth-Token"] { tracing.add(stories[token]) }
        let reply = try await Tracing.$current.withValue(tracing) {
            try await Tracing.span(
                "\(request.method) /\(way.service.name)/\(way.segments.joined(separator: "/"))", .rest,
                by: way.service.name + "-api"
            ) {
                () async throws(Failure) in
                do { return try await answer(request, way, &passage, version) } catch { throw Failure(error) }
            }
        }
        if let token = reply.headers["X-Subject-Token"] { stories[token] = tracing.take() }
        if let told { told(passage.requestID, tracing.take()) }
        return reply
    }

    /// Somebody in another process tells the story, and has the request's own span already.
    private func goOn(
        with tracing: Tracing, _ request: HTTPRequest, _ way: Way, _ passage: inout Passage, _ version: Microversion
    ) async throws -> Reply {
        var reply = try await Tracing.$current.withValue(tracing) { try await answer(request, way, &passage, version) }
        if let told = tracing.takeForHeader() { reply.headers.append(Tracing.spansHeader, told) }
        return reply
    }

    private func answer(
        _ request: HTTPRequest, _ way: Way, _ passage: inout Passage, _ version: Microversion
    ) async throws -> Reply {
        let service = way.service
        let isOther = service.countsLastSlash && request.path.hasSuffix("/") && way.segments.count > 1
        guard !isOther, let match = service.router.match(way.segments) else {
            throw Failure(.notFound, "The resource could not be found.")
        }
        let (entry, names) = try choose(request.method, match, service, version)
        passage.entry = entry
        let caller = try await Tracing.span("check the token", .call, by: "identity") { () async throws(Failure) in
            try await authenticate(request, entry.access)
        }
        passage.caller = caller
        try admit(caller, request, way)
        let scope = try authorise(caller, entry.access, way)
        try service.dialect.admitMedia(of: request, for: entry)
        let exchange = Exchange(
            request: request, requestID: passage.requestID, base: way.base,
            path: names.isEmpty ? [:] : Dictionary(zip(names, match.values), uniquingKeysWith: { first, _ in first }),
            query: try Parameters(request.query ?? ""), version: version, caller: caller, scope: scope,
            body: try await read(request, entry.body, version, service.dialect), policy: way.policy,
            dialect: service.dialect)
        do { return try await entry.respond(exchange) } catch { throw Door.explain(Failure(error), exchange, entry) }
    }

    /// A handler that finds its target out of the caller's reach leaves the words to the rule.
    private static func explain(_ failure: Failure, _ exchange: Exchange, _ entry: ServiceAPI.Entry) -> Failure {
        guard failure.kind == .forbidden, failure.message.isEmpty, let rule = entry.access.rules.first else {
            return failure
        }
        return exchange.refusal(rule)
    }

    private func choose(
        _ method: String, _ match: Router<Int>.Match, _ service: ServiceAPI, _ version: Microversion
    ) throws(Failure) -> (ServiceAPI.Entry, [String]) {
        for entry in match.entries where entry.method == method && service.endpoints[entry.target].exists(at: version) {
            return (service.endpoints[entry.target], entry.names)
        }
        let known = match.entries.filter { service.endpoints[$0.target].exists(at: version) }
        // What another version can do is not found in this one; what none can do is not allowed.
        guard !known.isEmpty || !match.entries.contains(where: { $0.method == method }) else {
            throw Failure(.notFound, "The resource could not be found.")
        }
        guard method == "HEAD", let chosen = known.first(where: { $0.method == "GET" }) else {
            throw Failure(
                .methodNotAllowed, "The method \(method) is not allowed for this resource.",
                name: Set((known.isEmpty ? match.entries : known).map(\.method)).sorted().joined(separator: ", "))
        }
        return (service.endpoints[chosen.target], chosen.names)
    }

    private func authenticate(_ request: HTTPRequest, _ access: Access) async throws(Failure) -> Caller {
        if case .open = access { return .nobody }
        guard let token = request.headers["x-auth-token"] else {
            throw Failure(.unauthenticated, "The request you have made requires authentication.")
        }
        guard let serviceToken = request.headers["x-service-token"] else {
            return try await authenticator.caller(token: token, evenIfExpired: false)
        }
        let service = try await authenticator.caller(token: serviceToken, evenIfExpired: false)
        let user = try await authenticator.caller(token: token, evenIfExpired: service.has(role: "service"))
        return user.vouched(by: service)
    }

    /// A token may be good for certain requests only. Services that pass it on vouch for it with their own.
    private func admit(_ caller: Caller, _ request: HTTPRequest, _ way: Way) throws(Failure) {
        guard !caller.accessRules.isEmpty, !caller.serviceRoles.contains("service") else { return }
        let path = "/" + way.segments.joined(separator: "/")
        // To have a token checked is no use of it.
        if way.service.name == "identity", request.method == "GET", path == "/v3/auth/tokens" { return }
        guard caller.accessRules.contains(where: { $0.allows(request.method, path, of: way.service.types) }) else {
            throw Failure(.unauthenticated, "The request you have made requires authentication.")
        }
    }

    private func authorise(_ caller: Caller, _ access: Access, _ way: Way) throws(Failure) -> Scope {
        guard case .rule(let rule) = access else { return .everywhere }
        let scope = way.policy.scope(rule, for: caller)
        guard scope != .nowhere else {
            throw Failure(.forbidden, way.service.dialect.refusal(rule.name), name: "Forbidden")
        }
        return scope
    }

    private func read(
        _ request: HTTPRequest, _ body: Body, _ version: Microversion, _ dialect: Dialect
    ) async throws(Failure) -> JSON {
        guard case .json(let shape, let limit) = body else { return .null }
        let bytes = try await request.body.collect(limit: limit)
        let isLeftOut = bytes.isEmpty && dialect.mediaType == nil
        let json = isLeftOut ? JSON.object(JSON.Object()) : try parse(bytes, dialect)
        do throws(Complaint) { try shape.check(json, version: version) } catch { throw dialect.complaint(error) }
        return json
    }

    private func parse(_ bytes: [UInt8], _ dialect: Dialect) throws(Failure) -> JSON {
        do throws(Failure) { return try JSONReader.read(bytes) } catch {
            guard error.kind == .invalid else { throw error }
            throw dialect.complaint(Complaint(path: [], reason: .unreadable(error.message), value: .null))
        }
    }

    private func refuse(_ failure: Failure, _ way: Way, _ requestID: String, _ request: HTTPRequest) -> HTTPResponse {
        let dialect = way.service.dialect
        let status = dialect.status(failure.kind)
        if status >= 500 { log.error("\(requestID) \(request.method) \(request.path) ended in \(status): \(failure)") }
        var response = HTTPResponse(
            status, body: .bytes(dialect.write(dialect.spoken(failure), status, requestID)))
        response.headers.append("Content-Type", dialect.contentType)
        if failure.kind == .unauthenticated {
            response.headers.append("WWW-Authenticate", "Keystone uri=\"\(way.base)\"")
        }
        if failure.kind == .methodNotAllowed, let methods = failure.name { response.headers.append("Allow", methods) }
        return response
    }

    // MARK: Which service

    private struct Way {
        let room: Room
        let segments: [String]
        let base: String
        /// The first part of the path that cannot be decoded.
        let unreadable: String?

        var service: ServiceAPI { room.service }
        var policy: Policy { room.policy }
    }

    /// By the port that the request came to, or behind the gateway by the first part of its path.
    private func way(of request: HTTPRequest) -> Way? {
        var (segments, unreadable) = PercentCoding.segments(of: request.path)
        var base = "\(request.scheme)://\(request.host ?? "localhost")"
        let port = request.local?.port
        // What a neighbour asks came by no port; it names the service as the gateway's callers do.
        if port == nil || port == gateway || gateway == nil {
            guard let first = segments.first, let room = rooms.first(where: { $0.service.name == first }) else {
                return nil
            }
            segments.removeFirst()
            base += "/" + room.service.name
            return Way(room: room, segments: segments, base: base, unreadable: unreadable)
        }
        guard let room = rooms.first(where: { $0.service.port == port }) else { return nil }
        return Way(room: room, segments: segments, base: base, unreadable: unreadable)
    }

    /// The caller's own id for the request, when it has the right form, so that one id follows it through every hop.
    private static func requestID(_ request: HTTPRequest, _ world: World) -> String {
        if let given = request.headers["x-openstack-request-id"], given.hasPrefix("req-"),
            UUID(String(given.dropFirst(4))) != nil
        {
            return given
        }
        return UUID(world.chance).dashed(after: "req-")
    }
}

extension Caller {
    /// Who calls an endpoint that needs no token.
    static let nobody = Caller(
        user: Named(id: "", name: "", domainID: "", domainName: ""), reach: .none, roles: [],
        expires: Moment(microseconds: 0))
}
