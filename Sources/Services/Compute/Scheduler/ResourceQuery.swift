import Base
import Contracts

/// What is asked of placement for a server: its flavor's sizes, and what extra specs and image say of resources and
/// traits.
///
///     resources:CUSTOM_GOLD=1   resources1:VGPU=1   trait:HW_CPU_X86_AVX=required   trait1:…   group_policy=isolate
struct ResourceQuery {
    private var resources: [String: [String: Int]] = [:]
    private var traits: [String: [String]] = [:]
    private var policy: String?

    init(_ request: HostRequest) {
        resources[""] = ["VCPU": request.vcpus, "MEMORY_MB": request.memory, "DISK_GB": request.disk]
        for spec in request.extraSpecs.members { read(spec.name, spec.value.string ?? "") }
        for property in request.image.members where property.name.hasPrefix("trait") {
            read(property.name, property.value.string ?? "")
        }
    }

    private mutating func read(_ name: String, _ value: String) {
        if name == "group_policy", value == "none" || value == "isolate" { policy = value }
        let parts = name.split(separator: ":", maxSplits: 1).map(String.init)
        guard parts.count == 2, ResourceQuery.isConstant(parts[1]) else { return }
        if let group = ResourceQuery.suffix(of: parts[0], behind: "resources"), let amount = Int(value), amount >= 0 {
            resources[group, default: [:]][parts[1]] = amount
        }
        guard let group = ResourceQuery.suffix(of: parts[0], behind: "trait") else { return }
        if value == "required" { traits[group, default: []].append(parts[1]) }
        if value == "forbidden" { traits[group, default: []].append("!" + parts[1]) }
    }

    private static func suffix(of word: String, behind prefix: String) -> String? {
        guard word.hasPrefix(prefix) else { return nil }
        let suffix = word.dropFirst(prefix.count)
        let isPlain =
            suffix.utf8.count <= 64
            && suffix.unicodeScalars.allSatisfy {
                $0.isASCII && ($0.properties.isAlphabetic || $0.properties.numericType != nil || $0 == "_" || $0 == "-")
            }
        return isPlain ? String(suffix) : nil
    }

    private static func isConstant(_ word: String) -> Bool {
        !word.isEmpty
            && word.utf8.allSatisfy {
                (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: "_")
            }
    }

    var text: String {
        var parts: [String] = []
        for (group, amounts) in resources.sorted(by: { $0.key < $1.key }) {
            let asked = amounts.filter { $0.value > 0 }.sorted { $0.key < $1.key }.map { "\($0.key):\($0.value)" }
            if !asked.isEmpty { parts.append("resources\(group)=\(asked.joined(separator: ","))") }
        }
        for (group, names) in traits.sorted(by: { $0.key < $1.key }) {
            parts.append("required\(group)=\(names.joined(separator: ","))")
        }
        if resources.count > 2 || policy != nil, resources.keys.contains(where: { !$0.isEmpty }) {
            parts.append("group_policy=\(policy ?? "none")")
        }
        return parts.joined(separator: "&")
    }
}
