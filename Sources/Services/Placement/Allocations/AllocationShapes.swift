import API
import Base
import Contracts

/// How claims are written, which has changed often.
extension Allocations {
    /// Until 1.11: a list of what is held of whom.
    static let listed: Shape = .object(
        Fields([
            .required(
                "allocations",
                .list(
                    of: .object(
                        Fields([
                            .required("resource_provider", .object(Fields([.required("uuid", Provider.uuid)]))),
                            .required("resources", resources),
                        ])), count: 1...1_000)),
            .required("project_id", owner, since: "1.8"), .required("user_id", owner, since: "1.8"),
        ]))

    /// From 1.12 until 1.27: an object by provider, with something in it.
    static let keyed = claim(allocations: 1...1_000)
    /// Since 1.28 a claim for nothing gives back what is held.
    static let releasable = claim(allocations: 0...1_000)

    /// Several consumers' claims at once.
    static func several(_ count: ClosedRange<Int>) -> Shape { .keyed(by: .uuid, releasable, count: count) }

    private static let owner: Shape = .text(1...255)
    private static let resources: Shape = .keyed(
        by: .constant, .integer(1...Int64(InventoryDescription.most)), count: 1...1_000)

    private static func claim(allocations count: ClosedRange<Int>) -> Shape {
        let held: Shape = .object(
            Fields([.required("resources", resources), .optional("generation", .integer(.min ... .max))]))
        let mapping: Shape = .list(of: Provider.uuid, count: 1...1_000)
        return .object(
            Fields([
                .required("allocations", .keyed(by: .uuid, held, count: count)),
                .required("project_id", owner), .required("user_id", owner),
                .required("consumer_generation", .nullable(.integer(.min ... .max)), since: "1.28"),
                .optional("mappings", .map(name: 0...255, value: mapping, count: 1...1_000), since: "1.34"),
                .required("consumer_type", .text(1...255, format: .constant), since: "1.38"),
            ]))
    }
}

extension Claim {
    /// From a body of one of the shapes above.
    init(_ body: JSON.Object, of consumer: ID<Consumer>, _ version: Microversion) {
        self.init(
            consumer: consumer, project: body.text("project_id") ?? ConsumerRecord.nobody,
            user: body.text("user_id") ?? ConsumerRecord.nobody, type: body.text("consumer_type"),
            expectation: version >= "1.28" ? Expectation(body["consumer_generation"]) : .whatever,
            allocations: Claim.allocations(body["allocations"] ?? .null))
    }

    private static func allocations(_ body: JSON) -> [ID<ResourceProvider>: Resources] {
        var found: [ID<ResourceProvider>: Resources] = [:]
        for member in body.object?.members ?? [] {
            found[ID(member.name.lowercased())] = Resources(body: member.value["resources"])
        }
        for element in body.array ?? [] {
            guard let id: ID<ResourceProvider> = element["resource_provider"]?.object?.uuid("uuid") else { continue }
            found[id] = Resources(body: element["resources"])
        }
        return found
    }
}

extension Claim.Expectation {
    fileprivate init(_ generation: JSON?) {
        self = (generation?.integer).map { .generation(Int($0)) } ?? .new
    }
}

extension Resources {
    fileprivate init(body: JSON?) {
        self.init()
        for member in body?.object?.members ?? [] { self[member.name] = member.value.integer.map { Int($0) } }
    }
}
