package import Base

/// How the roles of a cloud speak to one another: in one process or over a broker, with the same words.
///
///     static let choose = Message<ServerRequest, Choice>(topic: "scheduler", name: "choose a host")
///     …
///     bus.serve(choose) { request in try await scheduler.choose(request) }
///     let choice = try await bus.call(choose, request, deadline: .seconds(60))
///
/// Handlers may be called twice with the same message, and not at all: what has to happen is in the database, and the
/// bus only makes it quick.
package protocol Bus: Sendable {
    /// Waits for the answer, or for the deadline.
    func call<Request, Answer>(
        _ message: Message<Request, Answer>, on host: String?, _ request: Request, deadline: Duration
    ) async throws(Failure) -> Answer

    /// Returns when the message is on its way.
    func cast<Request>(_ message: Message<Request, Nothing>, on host: String?, _ request: Request) async throws(Failure)

    /// To everybody who serves it.
    func fanout<Request>(_ message: Message<Request, Nothing>, _ request: Request) async throws(Failure)

    /// From now on this process answers such messages: those to anybody, or those to one host.
    func serve<Request, Answer>(
        _ message: Message<Request, Answer>, on host: String?,
        _ handler: @escaping @Sendable (Request) async throws -> Answer)
}

/// A kind of message: to whom it goes, what it is called, what it carries and what comes back.
package struct Message<Request: JSONCoded, Answer: JSONCoded>: Sendable {
    /// The role that serves it.
    package let topic: String
    package let name: String

    package init(topic: String, name: String) {
        self.topic = topic
        self.name = name
    }
}

extension Bus {
    package func call<Request, Answer>(
        _ message: Message<Request, Answer>, _ request: Request, deadline: Duration
    ) async throws(Failure) -> Answer {
        try await call(message, on: nil, request, deadline: deadline)
    }

    package func serve<Request, Answer>(
        _ message: Message<Request, Answer>, _ handler: @escaping @Sendable (Request) async throws -> Answer
    ) {
        serve(message, on: nil, handler)
    }
}
