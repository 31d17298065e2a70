import Base
import Testing

@testable import AMQP

@Suite struct CodingTests {
    static let methods: [AMQPMethod] = [
        .start(
            major: 0, minor: 9, properties: ["product": .text("RabbitMQ"), "capabilities": .table(["x": .bool(true)])],
            mechanisms: "PLAIN AMQPLAIN", locales: "en_US"),
        .startOk(properties: ["n": .integer(-5)], mechanism: "PLAIN", response: [0, 97, 0, 98], locale: "en_US"),
        .secure(challenge: [1, 2, 3]), .tune(channels: 2_047, frame: 131_072, heartbeat: 60),
        .tuneOk(channels: 1, frame: 4_096, heartbeat: 0), .open(virtualHost: "/"), .openOk,
        .close(.init(code: 320, text: "CONNECTION_FORCED", classID: 10, methodID: 40)), .closeOk,
        .blocked(reason: "low on memory"), .unblocked, .channelOpen, .channelOpenOk, .flow(isActive: false),
        .flowOk(isActive: true), .channelClose(.init(code: 404, text: "NOT_FOUND")), .channelCloseOk, .confirmSelect,
        .confirmSelectOk, .exchangeDeclare(name: "e", kind: "fanout", isDurable: true, arguments: AMQPTable()),
        .exchangeDeclareOk, .queueDeclare(AMQPQueue("q", arguments: ["x-queue-type": .text("quorum")])),
        .queueDeclare(.ofThisConnection("own")), .queueDeclareOk(name: "q", messages: 7, consumers: 1),
        .queueBind(queue: "q", exchange: "e", key: "k"), .queueBindOk, .queueDelete(name: "q"),
        .queueDeleteOk(messages: 3), .qos(prefetch: 50), .qosOk, .consume(queue: "q", tag: "t"), .consumeOk(tag: "t"),
        .cancel(tag: "t", noWait: true), .cancelOk(tag: "t"),
        .publish(exchange: "", key: "q", isMandatory: true),
        .returned(code: 312, text: "NO_ROUTE", exchange: "", key: "q"),
        .deliver(tag: "t", number: .max, isRedelivered: true, exchange: "", key: "q"),
        .ack(number: 5, isMultiple: true), .nack(number: 6, isMultiple: false, isRequeued: true),
        .reject(number: 7, isRequeued: false),
    ]

    @Test(arguments: methods) func aMethodIsReadAsItWasWritten(method: AMQPMethod) throws {
        #expect(try AMQPMethod(method.payload) == method)
    }

    @Test(arguments: methods) func aMethodThatIsCutOrLongerIsRefused(method: AMQPMethod) {
        let payload = method.payload
        for length in 0..<payload.count {
            let read = try? AMQPMethod(Array(payload[..<length]))
            #expect(read == nil)
        }
        #expect(throws: Failure.self) { try AMQPMethod(payload + [0]) }
    }

    @Test func aTableKeepsEveryKindOfValue() throws {
        let table: AMQPTable = [
            "void": .void, "flag": .bool(true), "low": .integer(.min), "number": .number(0.1),
            "price": .decimal(2, -995), "text": .text("Größe"), "bytes": .blob([0, 255]), "time": .time(1_800_000_000),
            "list": .array([.integer(1), .array([]), .table(["a": .void])]), "table": .table(["b": .text("")]),
        ]
        var writer = AMQPWriter()
        writer.table(table)
        var reader = AMQPReader(writer.bytes)
        #expect(try reader.table() == table)
        #expect(reader.isAtEnd)
    }

    @Test func tablesWithinTablesComeToAnEnd() throws {
        var table = AMQPTable()
        for _ in 0..<40 { table = ["t": .table(table)] }
        var writer = AMQPWriter()
        writer.table(table)
        var reader = AMQPReader(writer.bytes)
        #expect(throws: Failure.self) { try reader.table() }
    }

    static var message: AMQPMessage {
        var message = AMQPMessage(Array("{\"a\": 1}".utf8))
        message.contentType = "application/json"
        message.headers = ["trace": .text("00ff")]
        message.isPersistent = true
        message.correlationID = "c"
        message.replyTo = "r"
        message.expiration = 60_000
        message.id = "i"
        message.timestamp = Moment(seconds: 1_800_000_000)
        message.type = "build"
        return message
    }

    @Test func whatIsSaidAboutAMessageIsReadAsItWasWritten() throws {
        let message = CodingTests.message
        let (read, size) = try AMQPMessage.read(header: message.header)
        var whole = read
        whole.body = message.body
        #expect(whole == message)
        #expect(size == message.body.count)
    }

    @Test func aMessageBeyondAllMeasureIsRefused() {
        var header = CodingTests.message.header
        header[4] = 0x7F
        #expect(throws: Failure.self) { try AMQPMessage.read(header: header) }
    }

    @Test(
        arguments: [
            [1, 0, 0, 0, 0, 0, 1, 7, 0xCD], [9, 0, 0, 0, 0, 0, 0, 0xCE], [8, 0, 1, 0, 0, 0, 0, 0xCE],
            [1, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF], Array("HTTP/1.1".utf8),
        ] as [[UInt8]]) func framesThatAreNoneAreRefused(bytes: [UInt8])
    {
        var frames = AMQPFrames()
        frames.add(bytes)
        #expect(throws: Failure.self) { try frames.next() }
    }

    @Test func addressesAreReadAsBrokersTakeThem() throws {
        let address = try AMQPAddress("amqps://us%40er:p%2Fw@rabbit.example/cl%2Foud?heartbeat=5")
        #expect(address.user == "us@er")
        #expect(address.password == "p/w")
        #expect(address.host == "rabbit.example")
        #expect(address.port == 5_671)
        #expect(address.virtualHost == "cl/oud")
        #expect(address.heartbeat == 5)
        #expect(!address.description.contains("p/w"))
        let plain = try AMQPAddress("amqp://[::1]:5673")
        #expect(plain.host == "::1")
        #expect(plain.port == 5_673)
        #expect(plain.user == "guest")
        #expect(plain.virtualHost == "/")
        for wrong in ["rabbit", "http://a", "amqp://", "amqp://a:0", "amqp://a?x=1", "amqp://a%zz@b", "amqp://a:b:c"] {
            #expect(throws: Failure.self, "\(wrong)") { try AMQPAddress(wrong) }
        }
    }
}
