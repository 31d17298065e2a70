import Base
import Contracts
import Foundation
import Testing

@testable import VolumeNode

/// What every driver promises, tried on each of them.
@Suite struct DriverTests {
    private static let kinds = ["file", "simulated"]
    private static let gigabyte: Int64 = 1 << 30

    private func with(_ kind: String, _ body: (any VolumeDriver) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.path + "/martlet-\(Foundation.UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let driver: any VolumeDriver =
            kind == "file"
            ? try FileDriver(folder: folder, address: "127.0.0.1") : try SimulatedDriver(folder: folder, totalGB: 100)
        try await body(driver)
    }

    private let volume = StoredName(.volume, "one")
    private let snapshot = StoredName(.snapshot, "two")

    @Test(arguments: kinds) func aVolumeIsMadeOnceAndHasItsSize(_ kind: String) async throws {
        try await with(kind) { driver in
            #expect(try await !driver.describe(volume).isThere)
            for _ in 0..<2 {
                let made = try await driver.ensureVolume(volume, bytes: Self.gigabyte, .nothing, anew: false)
                #expect(made == StoredThing(name: "volume-one", isThere: true, bytes: Self.gigabyte))
            }
            #expect(try await driver.list().map(\.name) == ["volume-one"])
        }
    }

    @Test(arguments: kinds) func anEmptyStoreHasRoom(_ kind: String) async throws {
        try await with(kind) { driver in
            let capacity = try await driver.capacity()
            #expect(capacity.totalGB > 0)
            #expect((1...capacity.totalGB).contains(capacity.freeGB))
        }
    }

    @Test(arguments: kinds) func whatIsRemovedTwiceIsGone(_ kind: String) async throws {
        try await with(kind) { driver in
            _ = try await driver.ensureVolume(volume, bytes: Self.gigabyte, .nothing, anew: false)
            for _ in 0..<2 { try await driver.remove(volume) }
            #expect(try await driver.list().isEmpty)
        }
    }

    @Test(arguments: kinds) func aVolumeGrowsAndNeverShrinks(_ kind: String) async throws {
        try await with(kind) { driver in
            _ = try await driver.ensureVolume(volume, bytes: Self.gigabyte, .nothing, anew: false)
            #expect(try await driver.extend(volume, to: 2 * Self.gigabyte).bytes == 2 * Self.gigabyte)
            #expect(try await driver.extend(volume, to: Self.gigabyte).bytes == 2 * Self.gigabyte)
        }
    }

    @Test(arguments: kinds) func aSnapshotOutlivesItsVolume(_ kind: String) async throws {
        try await with(kind) { driver in
            _ = try await driver.ensureVolume(volume, bytes: Self.gigabyte, .nothing, anew: false)
            _ = try await driver.ensureCopy(CopyOrder(target: snapshot, source: volume))
            try await driver.remove(volume)
            let other = StoredName(.volume, "three")
            let made = try await driver.ensureVolume(other, bytes: 2 * Self.gigabyte, .stored(snapshot), anew: false)
            #expect(made.bytes == 2 * Self.gigabyte)
        }
    }

    @Test(arguments: kinds) func whatIsLargerThanTheVolumeIsRefusedAndLeavesNothing(_ kind: String) async throws {
        try await with(kind) { driver in
            _ = try await driver.ensureVolume(volume, bytes: 2 * Self.gigabyte, .nothing, anew: false)
            await #expect(throws: Failure.self) {
                try await driver.ensureVolume(
                    StoredName(.volume, "small"), bytes: Self.gigabyte, .stored(volume), anew: false)
            }
            #expect(try await driver.list().map(\.name) == ["volume-one"])
        }
    }

    @Test(arguments: kinds) func whatIsNotThereCannotBeCopied(_ kind: String) async throws {
        try await with(kind) { driver in
            await #expect(throws: Failure.self) {
                try await driver.ensureCopy(CopyOrder(target: snapshot, source: volume))
            }
            await #expect(throws: Failure.self) { try await driver.extend(volume, to: Self.gigabyte) }
        }
    }

    @Test(arguments: kinds) func aFileOutsideOfTheFolderIsNotAdopted(_ kind: String) async throws {
        try await with(kind) { driver in
            await #expect(throws: Failure.self) { try await driver.adopt("../passwd", as: volume) }
            await #expect(throws: Failure.self) { try await driver.adopt("nothing", as: volume) }
        }
    }

    @Test(arguments: kinds) func theOwnHostIsToldWhereTheVolumeIs(_ kind: String) async throws {
        try await with(kind) { driver in
            _ = try await driver.ensureVolume(volume, bytes: Self.gigabyte, .nothing, anew: false)
            let info = try await driver.connect(volume, from: nil, isReadOnly: true)
            #expect(info["driver_volume_type"]?.string == kind)
            #expect(info["data"]?["volume_id"] == "one")
            if kind == "file" {
                #expect(info["data"]?["access_mode"] == "ro")
                #expect(info["data"]?["path"]?.string?.hasSuffix("/volume-one") == true)
            }
        }
    }

    // MARK: Bytes, which only files have

    private func write(_ text: String, at place: UInt64, to driver: any VolumeDriver) async throws {
        let file = try #require(FileHandle(forUpdatingAtPath: try await path(driver)))
        try file.seek(toOffset: place)
        try file.write(contentsOf: Data(text.utf8))
        try file.close()
    }

    private func path(_ driver: any VolumeDriver) async throws -> String {
        try #require(try await driver.connect(volume, from: nil, isReadOnly: false)["data"]?["path"]?.string)
    }

    private func read(at place: UInt64, _ count: Int, _ driver: any VolumeDriver) async throws -> String {
        let file = try #require(FileHandle(forReadingAtPath: try await path(driver)))
        try file.seek(toOffset: place)
        let bytes = try file.read(upToCount: count) ?? Data()
        try file.close()
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test func aVolumePutBackToItsSnapshotHasTheBytesOfThen() async throws {
        try await with("file") { driver in
            _ = try await driver.ensureVolume(volume, bytes: Self.gigabyte, .nothing, anew: false)
            try await write("before", at: 512 << 20, to: driver)
            _ = try await driver.ensureCopy(CopyOrder(target: snapshot, source: volume))
            try await write("after!", at: 512 << 20, to: driver)
            _ = try await driver.ensureVolume(volume, bytes: Self.gigabyte, .stored(snapshot), anew: true)
            #expect(try await read(at: 512 << 20, 6, driver) == "before")
        }
    }

    @Test func anImageIsWrittenWithHolesWhereItHasZeroes() async throws {
        try await with("file") { driver in
            let pieces: [[UInt8]] = [Array("head".utf8), [UInt8](repeating: 0, count: 8 << 20), Array("tail".utf8)]
            let content = ImageContent(format: "raw", length: nil) { take throws(Failure) in
                for piece in pieces { try await take(piece) }
            }
            let made = try await driver.ensureVolume(volume, bytes: Self.gigabyte, .image(content), anew: false)
            #expect(made.bytes == Self.gigabyte)
            #expect(try await read(at: 0, 4, driver) == "head")
            #expect(try await read(at: (8 << 20) + 4, 4, driver) == "tail")
            var status = stat()
            #expect(stat(try await path(driver), &status) == 0)
            #expect(Int(status.st_blocks) * 512 < 1 << 20)
        }
    }
}
