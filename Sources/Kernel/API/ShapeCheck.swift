package import Base

extension Shape {
    /// Refuses a value that isn't of this shape, naming the field: `server.networks[0].uuid: must be a UUID`.
    package func check(_ value: JSON, at path: String, version: Microversion) throws(Failure) {
        do throws(Complaint) { try check(value, at: [.member(path)], version: version) } catch { throw error.failure }
    }

    /// The same, for whoever has words of their own for what is wrong.
    package func check(_ value: JSON, at path: [Complaint.Step] = [], version: Microversion) throws(Complaint) {
        let place = Place(path: path, value: value)
        switch self {
        case .any: return
        case .text(let length, let format): try checkText(length, format, place)
        case .choice(let choices):
            guard let text = value.string, choices.contains(text) else { throw place.is(.choice(choices)) }
        case .boolean: guard value.bool != nil else { throw place.is(.type("a boolean")) }
        case .looseBoolean: guard value.looseBool != nil else { throw place.is(.type("a boolean")) }
        case .integer(let range): try checkInteger(value.integer, range, place)
        case .looseInteger(let range): try checkInteger(value.looseInteger, range, place)
        case .number: try checkNumber(.infinity, place)
        case .limitedNumber(let most): try checkNumber(most, place)
        case .nullable(let shape): if !value.isNull { try shape.check(value, at: path, version: version) }
        case .list(let shape, let count, let unique): try checkList(shape, count, unique, place, version)
        case .object(let fields): try fields.check(value, at: path, version: version)
        case .map(let name, let shape, let count): try checkMap(.lengths(name), shape, count, place, version)
        case .keyed(let format, let shape, let count): try checkMap(.format(format), shape, count, place, version)
        case .either(let shapes): try checkEither(shapes, place, version)
        }
    }

    private func checkText(_ length: ClosedRange<Int>, _ format: Format?, _ place: Place) throws(Complaint) {
        guard let text = place.value.string else { throw place.is(.type("a string")) }
        let count = text.unicodeScalars.count
        guard count >= length.lowerBound else { throw place.is(.shortest(length.lowerBound)) }
        guard count <= length.upperBound else { throw place.is(.longest(length.upperBound)) }
        guard !text.utf8.contains(0) else { throw place.is(.nulCharacter) }
        if let format, !format.fits(text) { throw place.is(.format(format)) }
    }

    private func checkInteger(_ number: Int64?, _ range: ClosedRange<Int64>, _ place: Place) throws(Complaint) {
        guard let number else { throw place.is(.type("an integer")) }
        guard number >= range.lowerBound else { throw place.is(.minimum(range.lowerBound)) }
        guard number <= range.upperBound else { throw place.is(.maximum(range.upperBound)) }
    }

    private func checkNumber(_ most: Double, _ place: Place) throws(Complaint) {
        let number: Double
        switch place.value {
        case .number(let value): number = value
        case .integer(let value): number = Double(value)
        default: throw place.is(.type("a number"))
        }
        guard number <= most else { throw place.is(.above(most)) }
    }

    private func checkList(
        _ shape: Shape, _ count: ClosedRange<Int>, _ unique: Bool, _ place: Place, _ version: Microversion
    ) throws(Complaint) {
        guard let elements = place.value.array else { throw place.is(.type("an array")) }
        try place.checkCount(elements.count, count)
        for (index, element) in elements.enumerated() {
            try shape.check(element, at: place.path + [.element(index)], version: version)
        }
        if unique, Set(elements).count != elements.count { throw place.is(.twice) }
    }

    /// What the names of a map's members must be like.
    private enum Names {
        case lengths(ClosedRange<Int>)
        case format(Format)
    }

    private func checkMap(
        _ names: Names, _ shape: Shape, _ count: ClosedRange<Int>, _ place: Place, _ version: Microversion
    ) throws(Complaint) {
        guard let object = place.value.object else { throw place.is(.type("an object")) }
        try place.checkCount(object.members.count, count)
        for member in object.members {
            switch names {
            case .lengths(let lengths):
                let length = member.name.unicodeScalars.count
                guard length >= lengths.lowerBound else { throw place.is(.shortest(lengths.lowerBound)) }
                guard length <= lengths.upperBound else { throw place.is(.longest(lengths.upperBound)) }
            case .format(let format):
                guard format.fits(member.name) else { throw place.is(.name(member.name, format)) }
            }
            try shape.check(member.value, at: place.path + [.member(member.name)], version: version)
        }
    }

    private func checkEither(_ shapes: [Shape], _ place: Place, _ version: Microversion) throws(Complaint) {
        var last: Complaint?
        for shape in shapes {
            do throws(Complaint) { return try shape.check(place.value, at: place.path, version: version) } catch {
                last = error
            }
        }
        if let last { throw last }
    }
}

extension Fields {
    func check(_ value: JSON, at path: [Complaint.Step], version: Microversion) throws(Complaint) {
        guard let object = value.object else { throw Complaint(path: path, reason: .type("an object"), value: value) }
        for field in fields where field.exists(at: version) {
            let place = path + [.member(field.name)]
            guard let member = object[field.name] else {
                if field.isRequired { throw Complaint(path: place, reason: .required(field.name), value: value) }
                continue
            }
            try field.shape.check(member, at: place, version: version)
        }
        guard others == .refused else { return }
        let unknown = object.names.filter { name in
            !fields.contains { $0.name == name && $0.exists(at: version) }
        }
        guard let first = unknown.first else { return }
        throw Complaint(path: path + [.member(first)], reason: .unknown(unknown), value: value)
    }
}

/// A value and where it was found.
private struct Place {
    let path: [Complaint.Step]
    let value: JSON

    func `is`(_ reason: Complaint.Reason) -> Complaint { Complaint(path: path, reason: reason, value: value) }

    func checkCount(_ count: Int, _ range: ClosedRange<Int>) throws(Complaint) {
        guard count >= range.lowerBound else { throw self.is(.fewest(range.lowerBound)) }
        guard count <= range.upperBound else { throw self.is(.most(range.upperBound)) }
    }
}
