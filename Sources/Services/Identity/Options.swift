import Base
import SQL

/// Switches of a thing: `{"immutable": true}`. A switch set to null is taken away.
struct Options: Sendable, Hashable {
    var values: JSON.Object

    static let immutable = Options(values: JSON.Object([JSON.Member(name: "immutable", value: true)]))

    init(values: JSON.Object = JSON.Object()) { self.values = values }

    init(_ body: JSON.Object) {
        self.init()
        change(body)
    }

    mutating func change(_ body: JSON.Object) {
        guard let changes = body["options"]?.object else { return }
        for change in changes.members { values[change.name] = change.value.isNull ? nil : change.value }
    }

    var isImmutable: Bool { values["immutable"]?.bool ?? false }

    func isOn(_ name: String) -> Bool { values[name]?.bool ?? false }

    /// What is immutable can be changed in one way: by making it mutable first, and nothing else with it.
    func allowChange<Thing: Resource>(of thing: Thing, to body: JSON.Object) throws(Failure) {
        guard isImmutable else { return }
        let isOnlyUnlocking =
            body.names == ["options"] && body["options"]?["immutable"].map { $0.isNull || $0 == false } ?? false
        guard isOnlyUnlocking else { throw .immutable(thing) }
    }

    func allowDeletion<Thing: Resource>(of thing: Thing) throws(Failure) {
        guard !isImmutable else { throw .immutable(thing) }
    }

    func write(to json: inout JSONWriter) { json.put("options", .object(values)) }
}

extension Failure {
    fileprivate static func immutable<Thing: Resource>(_ thing: Thing) -> Failure {
        .forbidden(
            "Cannot change or delete immutable \(Thing.one): \(thing.id). Set its option \"immutable\" to false first.")
    }
}

extension Options: SQL.Bindable {
    var bound: SQL.Value { .text(JSON.object(values).text) }
}

extension Row {
    func options(_ column: StaticString) throws(Failure) -> Options { Options(values: try Extra(text(column)).members) }
}

extension JSON.Object {
    func texts(_ name: String) -> [String]? { self[name]?.array?.compactMap(\.string) }
}
