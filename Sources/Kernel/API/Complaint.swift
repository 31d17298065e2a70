package import Base

/// What is wrong with a value, and where: one finding, which each service's dialect puts into its own words.
package struct Complaint: Error, Sendable {
    package enum Step: Sendable, Hashable {
        case member(String)
        case element(Int)
    }

    package enum Reason: Sendable, Hashable {
        /// The text is no JSON at all; in the reader's words.
        case unreadable(String)
        case type(String)
        case choice([String])
        case minimum(Int64)
        case maximum(Int64)
        case above(Double)
        case shortest(Int)
        case longest(Int)
        case nulCharacter
        case format(Shape.Format)
        case fewest(Int)
        case most(Int)
        case twice
        case required(String)
        /// Members that nobody knows, though their names would do elsewhere.
        case unknown([String])
        /// A member whose name isn't of the kind that the object is keyed by.
        case name(String, Shape.Format)
    }

    package let path: [Step]
    package let reason: Reason
    /// What was found there.
    package let value: JSON
}

extension Complaint {
    /// `server.networks[0].uuid`
    package var place: String {
        path.reduce("") { place, step in
            switch step {
            case .member(let name): place.isEmpty ? name : "\(place).\(name)"
            case .element(let index): "\(place)[\(index)]"
            }
        }
    }

    /// In the words of this program: `server.networks[0].uuid: must be a UUID`.
    package var failure: Failure { .field(place, words) }

    private var words: String {
        switch reason {
        case .unreadable(let why): why
        case .type(let type): "must be \(type), not \(value.kind)"
        case .choice(let choices): "must be one of \(choices.joined(separator: ", "))"
        case .minimum(let least): "must be at least \(least)"
        case .maximum(let most): "must be at most \(most)"
        case .above(let most): "must be at most \(most)"
        case .shortest(1): "must not be empty"
        case .shortest(let least): "is too short: at least \(least)"
        case .longest(let most): "is too long: at most \(most) characters"
        case .nulCharacter: "must not hold a NUL character"
        case .format(let format): "must be \(format.described)"
        case .fewest(let least): "must have at least \(least) elements"
        case .most(let most): "must have at most \(most) elements"
        case .twice: "has an element twice"
        case .required: "is required"
        case .unknown: "is not known here"
        case .name(_, let format): "must be named by \(format.described)"
        }
    }
}
