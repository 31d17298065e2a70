import Base
import Testing

@testable import Image

/// Some bytes with others put over them.
private func bytes(_ count: Int, _ parts: [(Int, [UInt8])]) -> HeldBytes {
    var bytes = [UInt8](repeating: 0, count: count)
    for (place, part) in parts { bytes.replaceSubrange(place..<(place + part.count), with: part) }
    return HeldBytes(bytes: bytes)
}

private func qcow2(_ parts: (Int, [UInt8])...) -> HeldBytes {
    bytes(1_024, [(0, [0x51, 0x46, 0x49, 0xFB, 0, 0, 0, 3]), (24, [0, 0, 0, 0, 0, 0x10, 0, 0])] + parts)
}

private func vmdk(_ descriptor: String) -> HeldBytes {
    bytes(
        8_192,
        [
            (0, Array("KDMV".utf8) + [1, 0, 0, 0]), (12, [8]), (28, [1]), (36, [2]),
            (512, Array(descriptor.utf8)),
        ])
}

private let oneFile = "# Disk DescriptorFile\nversion=1\ncreateType=\"monolithicSparse\"\nRW 8 SPARSE \"a.vmdk\"\n"

@Suite struct FormatTests {
    @Test func whatMatchesIsAdmittedWithItsSize() throws {
        #expect(try DiskFormat.admit(qcow2(), as: "qcow2", mustMatch: true) == 1 << 20)
        #expect(try DiskFormat.admit(vmdk(oneFile), as: "vmdk", mustMatch: true) == 8 * 512)
        #expect(try DiskFormat.admit(bytes(5, []), as: "raw", mustMatch: true) == 5)
        #expect(try DiskFormat.admit(bytes(5, []), as: "ami", mustMatch: true) == nil)
        let vdi = bytes(1_024, [(0x40, [0x7F, 0x10, 0xDA, 0xBE]), (0x170, [0, 2])])
        #expect(try DiskFormat.admit(vdi, as: "vdi", mustMatch: true) == 512)
        let vhd = bytes(1_024, [(0, Array("conectix".utf8)), (46, [1, 0])])
        #expect(try DiskFormat.admit(vhd, as: "vhd", mustMatch: true) == 256)
        let iso = bytes(40_000, [(32_768, [1] + Array("CD001".utf8)), (32_848, [3]), (32_896, [0, 8])])
        #expect(try DiskFormat.admit(iso, as: "iso", mustMatch: true) == 3 * 2_048)
    }

    @Test func theSizeOfAVHDXIsFoundThroughItsTables() throws {
        let region: [UInt8] = [
            0x06, 0xA2, 0x7C, 0x8B, 0x90, 0x47, 0x9A, 0x4B, 0xB8, 0xFE, 0x57, 0x5F, 0x05, 0x0F, 0x88, 0x6E,
        ]
        let size: [UInt8] = [
            0x24, 0x42, 0xA5, 0x2F, 0x1B, 0xCD, 0x76, 0x48, 0xB2, 0x11, 0x5D, 0xBE, 0xD8, 0x3B, 0xF4, 0xB8,
        ]
        let image = bytes(
            400_000,
            [
                (0, Array("vhdxfile".utf8)), (196_608, Array("regi".utf8)), (196_616, [1]),
                (196_624, region + [0, 0, 4]), (262_144, Array("metadata".utf8)), (262_154, [1]),
                (262_176, size + [0, 0, 1]), (262_144 + 65_536, [0, 0, 0x20]),
            ])
        #expect(try DiskFormat.admit(image, as: "vhdx", mustMatch: true) == 0x20_0000)
    }

    @Test func whatIsSomethingElseIsRefused() {
        #expect(throws: Failure.self) { try DiskFormat.admit(qcow2(), as: "vmdk", mustMatch: true) }
        #expect(throws: Failure.self) { try DiskFormat.admit(bytes(600, []), as: "qcow2", mustMatch: true) }
        #expect(throws: Never.self) { try DiskFormat.admit(bytes(600, []), as: "qcow2", mustMatch: false) }
    }

    @Test(arguments: ["qcow2", "raw"]) func aQcow2ThatNamesOtherFilesIsDangerous(format: String) {
        for unsafe in [qcow2((15, [8])), qcow2((79, [4])), qcow2((79, [16])), qcow2((7, [1]))] {
            #expect(throws: Failure.self) { try DiskFormat.admit(unsafe, as: format, mustMatch: true) }
        }
    }

    @Test(arguments: [
        "createType=\"monolithicFlat\"\nRW 8 FLAT \"a\" 0\n", "createType=\"monolithicSparse\"\n",
        "createType=\"monolithicSparse\"\nRW 8 SPARSE \"/etc/passwd\"\n",
        "createType=\"monolithicSparse\"\nRW 8 SPARSE \"a\"\nsurprise\n",
    ])
    func aVMDKThatNamesOtherFilesIsDangerous(descriptor: String) {
        #expect(throws: Failure.self) { try DiskFormat.admit(vmdk(descriptor), as: "vmdk", mustMatch: true) }
        let loose = HeldBytes(bytes: Array(descriptor.utf8))
        #expect(throws: Failure.self) { try DiskFormat.admit(loose, as: "vmdk", mustMatch: true) }
    }

    @Test func aPartitionTableMustMakeSense() throws {
        let good = bytes(1_024, [(446, [0x80]), (450, [0x83]), (510, [0x55, 0xAA])])
        #expect(try DiskFormat.admit(good, as: "raw", mustMatch: true) == 1_024)
        let bad = bytes(1_024, [(446, [0x17]), (510, [0x55, 0xAA])])
        #expect(throws: Failure.self) { try DiskFormat.admit(bad, as: "raw", mustMatch: true) }
        #expect(throws: Never.self) { try DiskFormat.admit(bad, as: "aki", mustMatch: false) }
    }

    @Test func aMixtureIsNeitherTheOneNorTheOther() {
        let mixture = bytes(1_024, [(0, [0x51, 0x46, 0x49, 0xFB, 0, 0, 0, 2]), (510, [0x55, 0xAA])])
        #expect(throws: Failure.self) { try DiskFormat.admit(mixture, as: "qcow2", mustMatch: true) }
    }

    @Test func filtersSplitAtCommasOutsideOfQuotes() throws {
        #expect(try ImageFilter.quoted("a,\"b,c\",d") == ["a", "b,c", "d"])
        #expect(throws: Failure.self) { try ImageFilter.quoted("a\"b\"") }
    }
}
