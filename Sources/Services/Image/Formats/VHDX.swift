import Base

/// Microsoft's format with tables of regions and of metadata, by which the disk's size is found.
extension DiskFormat {
    private static let metadataRegion: [UInt8] = [
        0x06, 0xA2, 0x7C, 0x8B, 0x90, 0x47, 0x9A, 0x4B, 0xB8, 0xFE, 0x57, 0x5F, 0x05, 0x0F, 0x88, 0x6E,
    ]
    private static let virtualDiskSize: [UInt8] = [
        0x24, 0x42, 0xA5, 0x2F, 0x1B, 0xCD, 0x76, 0x48, 0xB2, 0x11, 0x5D, 0xBE, 0xD8, 0x3B, 0xF4, 0xB8,
    ]
    /// As many as the format allows in either table.
    private static let mostEntries = 2_047

    static func vhdx(_ bytes: any Bytes) throws(Failure) -> DiskFormat? {
        guard try bytes.head().has("vhdxfile") else { return nil }
        return DiskFormat(name: "vhdx", virtualSize: try vhdxSize(bytes))
    }

    private static func vhdxSize(_ bytes: any Bytes) throws(Failure) -> Int? {
        let regions = try bytes.read(196_608..<262_144)
        guard regions.has("regi"),
            let region = entry(metadataRegion, in: regions, from: 16, count: regions.little(8, 4)),
            let start = Int(exactly: regions.little(region + 16, 8)), start < bytes.count
        else { return nil }
        let table = try bytes.read(start..<(start + 65_536))
        guard table.has("metadata"),
            let item = entry(virtualDiskSize, in: table, from: 32, count: table.little(10, 2)),
            let offset = Int(exactly: table.little(item + 16, 4))
        else { return nil }
        return Int(exactly: try bytes.read((start + offset)..<(start + offset + 8)).little(0, 8))
    }

    /// Where in a table the entry of that kind begins. Entries are 32 bytes, and begin with their kind.
    private static func entry(_ kind: [UInt8], in table: [UInt8], from first: Int, count: UInt64) -> Int? {
        guard count <= mostEntries else { return nil }
        return (0..<Int(count)).map { first + 32 * $0 }.first { place in
            place + 32 <= table.count && table[place..<(place + 16)].elementsEqual(kind)
        }
    }
}
