package import Base

/// What a guest is doing.
package enum PowerState: String, JSONCoded, Hashable, CaseIterable {
    case running
    /// Held still in memory.
    case paused
    /// Its memory is on disk, and it goes on from there.
    case suspended
    /// Off, because it was told so or ended by itself.
    case stopped
    /// Off, though nobody said so: its process died, or its kernel gave up.
    case crashed

    package init(_ json: JSON) throws(Failure) {
        guard let text = json.string, let state = PowerState(rawValue: text) else {
            throw .bug("There is no power state in a stored document.")
        }
        self = state
    }

    package var json: JSON { .string(rawValue) }
}

/// What a node knows of one of its guests.
package struct GuestReport: JSONCoded, Hashable {
    package var id: GuestID
    package var power: PowerState
    /// What it was last specified to be, with whatever was attached since.
    package var spec: GuestSpec

    package init(id: GuestID, power: PowerState, spec: GuestSpec) {
        self.id = id
        self.power = power
        self.spec = spec
    }

    package init(_ json: JSON) throws(Failure) {
        id = GuestID(try json.text("id"))
        power = try PowerState(json.member("power"))
        spec = try GuestSpec(json.member("spec"))
    }

    package var json: JSON { ["id": .string(id.text), "power": power.json, "spec": spec.json] }
}

/// A guest has come to another state; one that was removed has none.
package struct GuestEvent: JSONCoded, Hashable {
    /// A listener that falls behind further than this loses the oldest: it looks at all guests now and then anyway.
    static let mostWaiting = 1_024

    package var id: GuestID
    package var power: PowerState?

    package init(id: GuestID, power: PowerState?) {
        self.id = id
        self.power = power
    }

    package init(_ json: JSON) throws(Failure) {
        id = GuestID(try json.text("id"))
        if let power = json["power"], !power.isNull { self.power = try PowerState(power) }
    }

    package var json: JSON { ["id": .string(id.text), "power": power?.json ?? .null] }
}
