import AMQP
import Base
import Bus
import Contracts
import IO
import Trace

/// What carries the messages of a cloud: the process itself, or a broker between processes.
enum Carrier: Sendable {
    case process(LocalBus, any Bus)
    case broker(RabbitBus)

    init(_ settings: CloudSettings, _ ground: Ground, _ loops: Loops, _ world: World, _ log: Log) throws(Failure) {
        if let address = settings.bus {
            let name = "\(settings.nodeName) (\(settings.roles.names))"
            self = .broker(
                try RabbitBus(try AMQPAddress(address), name: name, on: loops, world: world, log: log))
        } else {
            let bus = LocalBus(clock: world.clock)
            self = .process(bus, ground.bus(bus, world))
        }
    }

    /// As those see it who speak over it.
    var bus: any Bus {
        switch self {
        case .process(_, let bus): bus
        case .broker(let bus): bus
        }
    }

    /// Whether everybody is at hand from the beginning: then nodes report before the first request comes.
    var isAtHand: Bool { if case .process = self { true } else { false } }

    func run() async {
        switch self {
        case .process(let bus, _): await bus.run()
        case .broker(let bus): await bus.run()
        }
    }
}

/// Tokens for a process that has no store of users, made where there is one.
struct RemoteTokens: TokenIssuer {
    let bus: any Bus

    private static let patience: Duration = .seconds(30)

    func token(user: String, project: String) async throws(Failure) -> String {
        try await ask(TokenRequest(user: user, project: project))
    }

    func serviceToken() async throws(Failure) -> String { try await ask(TokenRequest(user: nil, project: nil)) }

    private func ask(_ request: TokenRequest) async throws(Failure) -> String {
        let answer = try await bus.call(TokenMessages.issue, request, deadline: RemoteTokens.patience)
        guard let token = answer.string else { throw .bug("A token is no text.") }
        return token
    }
}

extension TokenIssuer {
    /// From now on makes tokens for the processes that cannot.
    func serve(_ bus: any Bus) {
        bus.serve(TokenMessages.issue) { request in
            guard let user = request.user, let project = request.project else {
                return .string(try await serviceToken())
            }
            return .string(try await token(user: user, project: project))
        }
    }
}
