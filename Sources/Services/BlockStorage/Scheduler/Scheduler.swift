import Base
import SQL

/// What a volume needs of a backend.
struct PlaceRequest: Sendable {
    let size: Int
    let zone: String
    let type: VolumeType
    /// The backend on which what it is copied from lies: bytes are copied where they are.
    let near: String?
    /// Backends of volumes that it is to be on the same backend with, or on another than.
    var same: [String] = []
    var different: [String] = []
}

/// Chooses the backend that is to hold a volume: what doesn't fit is left out, and of the rest the best is taken.
///
/// Filters and weighers are rows of tables, and what each says against a backend is told when none is left.
struct VolumeScheduler: Sendable {
    struct Filter: Sendable {
        let name: String
        /// What speaks against a backend; nil if nothing does.
        let objection: @Sendable (VolumeServiceRow, PlaceRequest) -> String?
    }

    static let filters: [Filter] = [
        Filter(name: "enabled") { backend, _ in backend.isDisabled ? "it is disabled" : nil },
        Filter(name: "zone") { backend, request in
            backend.zone == request.zone ? nil : "it is in the zone \(backend.zone)"
        },
        Filter(name: "zones of the type") { backend, request in
            guard let zones = request.type.zones else { return nil }
            return zones.contains(backend.zone) ? nil : "the volume type is for other zones"
        },
        Filter(name: "source") { backend, request in
            guard let near = request.near else { return nil }
            return Place(near).backend == backend.host ? nil : "what it is to be copied from lies elsewhere"
        },
        Filter(name: "capacity") { backend, request in
            backend.freeGB >= request.size ? nil : "it has \(backend.freeGB) GB left, not \(request.size)"
        },
        Filter(name: "same host") { backend, request in
            request.same.allSatisfy { Place($0).backend == backend.host }
                ? nil : "a volume it is to be with lies elsewhere"
        },
        Filter(name: "different host") { backend, request in
            request.different.contains { Place($0).backend == backend.host }
                ? "a volume it is to be apart from is there" : nil
        },
        Filter(name: "capabilities") { backend, request in
            for spec in request.type.extraSpecs.members {
                guard let key = Capability.key(of: spec.name), let wanted = spec.value.string else { continue }
                guard Capability.fits(backend.capabilities[key], wanted) else {
                    return "its \(key) is \(Capability.text(backend.capabilities[key])), not \(wanted)"
                }
            }
            return nil
        },
    ]

    /// The larger, the better; summed up with their weights.
    static let weighers: [(name: String, weight: Double, value: @Sendable (VolumeServiceRow) -> Double)] = [
        (name: "free capacity", weight: 1, value: { Double($0.freeGB) / Double(max($0.totalGB, 1)) })
    ]

    let settings: BlockStorageSettings

    /// - Returns: where it is to lie, as `node@backend#pool`.
    func choose(_ request: PlaceRequest, among backends: [VolumeServiceRow], at now: Moment) throws(Failure) -> String {
        var objections: [String] = []
        var left: [VolumeServiceRow] = []
        for backend in backends {
            let objection =
                backend.isUp(at: now, settings)
                ? VolumeScheduler.filters.lazy.compactMap { $0.objection(backend, request) }.first : "it is down"
            if let objection { objections.append("\(backend.host): \(objection)") } else { left.append(backend) }
        }
        let best = left.max { weight($0) < weight($1) }
        guard let best else {
            let why = objections.isEmpty ? "there is no backend" : objections.joined(separator: "; ")
            throw Failure(.conflict, "No valid backend was found: \(why).")
        }
        return "\(best.host)#\(best.pool)"
    }

    private func weight(_ backend: VolumeServiceRow) -> Double {
        VolumeScheduler.weighers.reduce(0) { $0 + $1.weight * $1.value(backend) }
    }
}

/// How extra specs ask for what a backend can do.
enum Capability {
    /// Specs without a scope, or with that of capabilities, are about backends; others are for somebody else.
    static func key(of spec: String) -> String? {
        if spec.hasPrefix("capabilities:") { return String(spec.dropFirst(13)) }
        return spec.contains(":") ? nil : spec
    }

    /// `<is> True`, `<in> fast`, `>= 4`, `s== file`, `<or> a <or> b`, or plainly the value.
    static func fits(_ value: JSON?, _ wanted: String) -> Bool {
        let words = wanted.split(separator: " ", maxSplits: 1).map { String($0).trimmed }
        guard let value else { return false }
        let have = text(value)
        guard let sign = words.first, words.count == 2 else { return have.lowercased() == wanted.lowercased() }
        let rest = words[1]
        switch sign {
        case "<is>": return Bool(loose: have) ?? false == Bool(loose: rest) ?? false
        case "<in>": return have.contains(rest)
        case "<or>":
            let choices = wanted.split(separator: " ").map { String($0) }.filter { $0 != "<or>" }
            return choices.contains(have)
        case "s==": return have == rest
        case "s!=": return have != rest
        case "=", ">=": return number(have, rest) { $0 >= $1 }
        case "==": return number(have, rest) { $0 == $1 }
        case "!=": return number(have, rest) { $0 != $1 }
        case "<=": return number(have, rest) { $0 <= $1 }
        default: return have.lowercased() == wanted.lowercased()
        }
    }

    private static func number(_ left: String, _ right: String, _ compare: (Double, Double) -> Bool) -> Bool {
        guard let left = Double(left), let right = Double(right) else { return false }
        return compare(left, right)
    }

    static func text(_ value: JSON?) -> String {
        switch value {
        case .string(let text): text
        case .bool(let flag): flag ? "True" : "False"
        case .integer(let number): String(number)
        case .number(let number): String(number)
        default: "unknown"
        }
    }
}
