import Base

/// Formats that one header tells everything of.
extension DiskFormat {
    static func qcow2(_ bytes: any Bytes) throws(Failure) -> DiskFormat? {
        let head = try bytes.head()
        guard head.count >= 32, head.big(0, 4) == 0x5146_49FB else { return nil }
        var format = DiskFormat(name: "qcow2", virtualSize: Int(exactly: head.big(24, 8)))
        let version = head.big(4, 4)
        let features = version == 3 ? head.big(72, 8) : 0
        if head.big(8, 8) != 0 {
            format.danger = "Image has a backing file"
        } else if version != 2, version != 3 {
            format.danger = "Unsupported qcow2 version"
        } else if features & 0x4 != 0 {
            format.danger = "Image has data_file set"
        } else if features & ~0xF != 0 {
            format.danger = "Unknown QCOW2 features found"
        }
        return format
    }

    /// Known only to be refused: nobody maintains its driver any more.
    static func qed(_ bytes: any Bytes) throws(Failure) -> DiskFormat? {
        guard try bytes.head().has("QED\0") else { return nil }
        return DiskFormat(name: "qed", danger: "This file format is not allowed")
    }

    static func vhd(_ bytes: any Bytes) throws(Failure) -> DiskFormat? {
        let head = try bytes.head()
        guard head.has("conectix") else { return nil }
        return DiskFormat(name: "vhd", virtualSize: Int(exactly: head.big(40, 8)))
    }

    static func vdi(_ bytes: any Bytes) throws(Failure) -> DiskFormat? {
        let head = try bytes.head()
        guard head.little(0x40, 4) == 0xBEDA_107F else { return nil }
        return DiskFormat(name: "vdi", virtualSize: Int(exactly: head.little(0x170, 8)))
    }

    static func iso(_ bytes: any Bytes) throws(Failure) -> DiskFormat? {
        let head = try bytes.read(32_768..<34_816)
        guard head.count == 2_048, ["CD001", "NSR02", "NSR03"].contains(where: { head.has($0, at: 1) }) else {
            return nil
        }
        guard head[0] == 1 else { return DiskFormat(name: "iso") }
        return DiskFormat(name: "iso", virtualSize: Int(head.little(80, 4) * head.little(128, 2)))
    }

    static func luks(_ bytes: any Bytes) throws(Failure) -> DiskFormat? {
        let head = try bytes.head()
        guard head.big(0, 6) == 0x4C55_4B53_BABE else { return nil }
        let version = head.big(6, 2)
        return DiskFormat(
            name: "luks", virtualSize: bytes.count,
            danger: version == 1 ? nil : "LUKS version \(version) is not supported")
    }

    /// A whole disk with a partition table, which is as raw as can be but can still be checked.
    static func partitioned(_ bytes: any Bytes) throws(Failure) -> DiskFormat? {
        let head = try bytes.head()
        guard head.count == 512, head.little(510, 2) == 0xAA55 else { return nil }
        // The boot sector of a FAT file system bears the same sign.
        guard head[0x10] != 2 || head[0x15] != 0xF8 else { return nil }
        return DiskFormat(name: "gpt", virtualSize: bytes.count, danger: partitionDanger(head))
    }

    private static func partitionDanger(_ head: [UInt8]) -> String? {
        var used: [Int] = []
        var isGPT = false
        for entry in 0..<4 {
            let place = 446 + 16 * entry
            guard head[place] == 0 || head[place] == 0x80 else { return "MBR PTE \(entry) has invalid boot flag" }
            let kind = head[place + 4]
            if kind != 0 { used.append(entry) }
            guard kind == 0xEE else { continue }
            isGPT = true
            guard head.big(place + 1, 3) == 0x00_02_00 else { return "GPT MBR has invalid start CHS" }
            guard head.little(place + 8, 4) == 1 else { return "GPT MBR has invalid start LBA" }
        }
        if isGPT, used != [0] { return "GPT MBR defines invalid extra partitions" }
        return used.isEmpty ? "GPT MBR has no partitions defined" : nil
    }
}
