import Base

/// VMware's format. Only its two kinds that are one file are taken: the others name files of the host.
extension DiskFormat {
    private static let footerFollows = UInt64.max

    static func vmdk(_ bytes: any Bytes) throws(Failure) -> DiskFormat? {
        let head = try bytes.head()
        guard head.has("KDMV") else { return try looseDescriptor(bytes) }
        guard (1...3).contains(head.little(4, 4)), head.little(28, 8) == 1 else {
            return DiskFormat(name: "vmdk", danger: "Wrong descriptor location")
        }
        let sectors = min(head.little(36, 8), 2_047)
        let text = descriptorText(try bytes.read(512..<(512 + Int(sectors) * 512)))
        var format = DiskFormat(name: "vmdk", danger: descriptorDanger(text))
        if isOneFile(text) { format.virtualSize = Int(exactly: head.little(12, 8)).map { $0 * 512 } }
        if format.danger == nil, head.little(56, 8) == footerFollows {
            format.danger = footerDanger(head, try bytes.read((bytes.count - 1_536)..<bytes.count))
        }
        return format
    }

    /// A descriptor by itself, all text: its data is in other files.
    private static func looseDescriptor(_ bytes: any Bytes) throws(Failure) -> DiskFormat? {
        let head = try bytes.head()
        guard head.count >= 4, head.allSatisfy({ $0 < 0x7F && ($0 >= 0x20 || ($0 >= 9 && $0 <= 13)) }) else {
            return nil
        }
        let text = descriptorText(try bytes.read(0..<(1 << 20)))
        return kind(text) == nil ? nil : DiskFormat(name: "vmdk", danger: descriptorDanger(text))
    }

    private static func descriptorText(_ bytes: [UInt8]) -> String {
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self).lowercased()
    }

    private static func kind(_ text: String) -> String? {
        guard let start = text.firstRange(of: "createtype=\"")?.upperBound,
            let end = text[start...].firstIndex(of: "\""), text[start..<end].utf8.count < 64
        else { return nil }
        return String(text[start..<end])
    }

    private static func isOneFile(_ text: String) -> Bool {
        kind(text).map { ["monolithicsparse", "streamoptimized"].contains($0) } ?? false
    }

    private static func descriptorDanger(_ text: String) -> String? {
        guard !text.isEmpty else { return "No descriptor found" }
        guard isOneFile(text) else { return "Unsupported subformat" }
        var extents = 0
        for line in text.split(whereSeparator: \.isNewline).map(\.trimmed) where !line.isEmpty {
            if line.hasPrefix("#") || line.hasPrefix("ddb") { continue }
            let name = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if name.count == 2, !name[0].contains(" ") { continue }
            guard ["rw", "rdonly", "noaccess"].contains(line.prefix { $0 != " " }) else {
                return "Invalid VMDK descriptor data"
            }
            guard !line.contains("/") else { return "Invalid extent filenames found" }
            extents += 1
        }
        return extents == 0 ? "No extents found" : nil
    }

    /// The footer repeats the header behind the data; a reader that believes it must find the same descriptor.
    private static func footerDanger(_ head: [UInt8], _ footer: [UInt8]) -> String? {
        guard footer.count == 1_536 else { return "Footer marker is invalid" }
        let copy = Array(footer[512..<1_024])
        guard copy.has("KDMV") else { return "Header and footer signature do not match" }
        guard copy.little(4, 4) == head.little(4, 4) else { return "Header and footer versions do not match" }
        guard copy[28..<44].elementsEqual(head[28..<44]) else {
            return "Footer specifies a different descriptor than header"
        }
        guard copy.little(56, 8) != footerFollows else { return "Footer indicates another footer" }
        guard footer.little(8, 4) == 0, footer.little(12, 4) == 3, footer[16..<512].allSatisfy({ $0 == 0 }) else {
            return "Footer marker is invalid"
        }
        guard footer[1_024...].allSatisfy({ $0 == 0 }) else { return "End-of-stream marker is invalid" }
        return nil
    }
}

extension StringProtocol {
    /// Without the blanks around it.
    var trimmed: String {
        let start = firstIndex { !$0.isWhitespace } ?? endIndex
        let end = lastIndex { !$0.isWhitespace }.map(index(after:)) ?? endIndex
        return start < end ? String(self[start..<end]) : ""
    }
}
