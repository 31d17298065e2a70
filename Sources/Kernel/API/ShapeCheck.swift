package import Base

extension Shape {
    /// Refuses a value that isn't of this shape, naming the field: `server.networks[0].uuid: must be a UUID`.
    package func check(_ value: JSON, at path: String = "", version: Microversion) throws(Failure) {
        switch self {
        case .any: return
        case .text(let length, let format): try checkText(value, length, format, path)
        case .choice(let choices):
            guard let text = value.string, choices.contains(text) else {
                throw .field(path, "must be one of \(choices.joined(separator: ", "))")
            }
        case .boolean: guard value.bool != nil else { throw .field(path, "must be a boolean, not \(value.kind)") }
        case .looseBoolean:
            guard value.looseBool != nil else { throw .field(path, "must be a boolean, not \(value.kind)") }
        case .integer(let range): try checkInteger(value.integer, value, range, path)
        case .looseInteger(let range): try checkInteger(value.looseInteger, value, range, path)
        case .number:
            if case .number = value { return }
            guard value.integer != nil else { throw .field(path, "must be a number, not \(value.kind)") }
        case .nullable(let shape): if !value.isNull { try shape.check(value, at: path, version: version) }
        case .list(let shape, let count, let unique): try checkList(value, shape, count, unique, path, version)
        case .object(let fields): try fields.check(value, at: path, version: version)
        case .map(let name, let shape, let count): try checkMap(value, name, shape, count, path, version)
        case .either(let shapes): try checkEither(value, shapes, path, version)
        }
    }

    private func checkText(
        _ value: JSON, _ length: ClosedRange<Int>, _ format: Format?, _ path: String
    ) throws(Failure) {
        guard let text = value.string else { throw .field(path, "must be a string, not \(value.kind)") }
        let count = text.unicodeScalars.count
        guard count >= length.lowerBound else {
            throw .field(
                path, length.lowerBound == 1 ? "must not be empty" : "is too short: at least \(length.lowerBound)")
        }
        guard count <= length.upperBound else {
            throw .field(path, "is too long: \(count) characters, at most \(length.upperBound)")
        }
        guard !text.utf8.contains(0) else { throw .field(path, "must not hold a NUL character") }
        if let format, !format.fits(text) { throw .field(path, "must be \(format.described)") }
    }

    private func checkInteger(
        _ number: Int64?, _ value: JSON, _ range: ClosedRange<Int64>, _ path: String
    ) throws(Failure) {
        guard let number else { throw .field(path, "must be an integer, not \(value.kind)") }
        guard range.contains(number) else {
            throw .field(path, "must be from \(range.lowerBound) to \(range.upperBound), not \(number)")
        }
    }

    private func checkList(
        _ value: JSON, _ shape: Shape, _ count: ClosedRange<Int>, _ unique: Bool, _ path: String,
        _ version: Microversion
    ) throws(Failure) {
        guard let elements = value.array else { throw .field(path, "must be an array, not \(value.kind)") }
        guard count.contains(elements.count) else {
            throw .field(path, "must have \(count.lowerBound) to \(count.upperBound) elements, not \(elements.count)")
        }
        for (index, element) in elements.enumerated() {
            try shape.check(element, at: "\(path)[\(index)]", version: version)
        }
        if unique, Set(elements).count != elements.count { throw .field(path, "has an element twice") }
    }

    private func checkMap(
        _ value: JSON, _ name: ClosedRange<Int>, _ shape: Shape, _ count: ClosedRange<Int>, _ path: String,
        _ version: Microversion
    ) throws(Failure) {
        guard let object = value.object else { throw .field(path, "must be an object, not \(value.kind)") }
        guard count.contains(object.members.count) else {
            throw .field(path, "must have \(count.lowerBound) to \(count.upperBound) members")
        }
        for member in object.members {
            guard name.contains(member.name.unicodeScalars.count) else {
                throw .field(path, "names must have \(name.lowerBound) to \(name.upperBound) characters")
            }
            try shape.check(member.value, at: path.appending(member: member.name), version: version)
        }
    }

    private func checkEither(
        _ value: JSON, _ shapes: [Shape], _ path: String, _ version: Microversion
    ) throws(Failure) {
        var last: Failure?
        for shape in shapes {
            do throws(Failure) { return try shape.check(value, at: path, version: version) } catch { last = error }
        }
        if let last { throw last }
    }
}

extension Fields {
    func check(_ value: JSON, at path: String, version: Microversion) throws(Failure) {
        guard let object = value.object else { throw .field(path, "must be an object, not \(value.kind)") }
        for field in fields where field.exists(at: version) {
            let place = path.appending(member: field.name)
            guard let member = object[field.name] else {
                if field.isRequired { throw .field(place, "is required") }
                continue
            }
            try field.shape.check(member, at: place, version: version)
        }
        guard others == .refused else { return }
        for member in object.members where !fields.contains(where: { $0.name == member.name && $0.exists(at: version) })
        {
            throw .field(path.appending(member: member.name), "is not known here")
        }
    }
}

extension String {
    fileprivate func appending(member: String) -> String { isEmpty ? member : "\(self).\(member)" }
}
