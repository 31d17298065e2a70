import Base
import Crypto
import Foundation
import Testing

@Suite final class KeyRepositoryTests {
    let path = NSTemporaryDirectory() + "martlet-keys-\(SystemChance().next())"
    let chance = SeededChance(seed: 1)

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func names() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: path).sorted() }
    func text(_ name: String) throws -> String { try String(contentsOfFile: "\(path)/\(name)", encoding: .utf8) }
    func mode(_ path: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    }

    @Test func theFirstKeysAreStagedAndPrimaryAndTheirOwnersAlone() throws {
        let repository = KeyRepository(path: path)
        try repository.create(chance: chance)
        #expect(try names() == ["0", "1"])
        #expect(try mode(path) == 0o700)
        #expect(try mode(path + "/0") == 0o600)
        #expect(try mode(path + "/1") == 0o600)
        #expect(try repository.load().keys.map(\.text) == [try text("1"), try text("0")])
    }

    @Test func creatingAgainChangesNothing() throws {
        let repository = KeyRepository(path: path)
        try repository.create(chance: chance)
        let keys = try repository.load().keys
        try repository.create(chance: chance)
        #expect(try repository.load().keys == keys)
    }

    @Test func rotationPromotesTheStagedKeyAndDropsTheOldest() throws {
        let repository = KeyRepository(path: path, greatestCount: 3)
        try repository.create(chance: chance)
        let first = try text("0")
        try repository.rotate(chance: chance)
        #expect(try names() == ["0", "1", "2"])
        #expect(try text("2") == first)
        try repository.rotate(chance: chance)
        #expect(try names() == ["0", "2", "3"])
        #expect(try repository.load().keys.map(\.text) == [try text("3"), try text("2"), try text("0")])
    }

    @Test func aTokenOutlivesRotationUntilItsKeyIsDropped() throws {
        let repository = KeyRepository(path: path, greatestCount: 3)
        try repository.create(chance: chance)
        let token = try repository.load().seal([1], at: Moment(seconds: 0), chance: chance)
        try repository.rotate(chance: chance)
        #expect(try repository.load().open(token) != nil)
        try repository.rotate(chance: chance)
        #expect(try repository.load().open(token) == nil)
    }

    @Test func otherMachinesOpenWhatTheNextPrimarySeals() throws {
        let repository = KeyRepository(path: path)
        try repository.create(chance: chance)
        let notYetReplaced = try repository.load()
        try repository.rotate(chance: chance)
        let token = try repository.load().seal([1], at: Moment(seconds: 0), chance: chance)
        #expect(notYetReplaced.open(token) != nil)
    }

    @Test func aRotationThatWasCutShortIsOnlyFinished() throws {
        let repository = KeyRepository(path: path)
        try repository.create(chance: chance)
        try FileManager.default.moveItem(atPath: path + "/0", toPath: path + "/2")
        let primary = try text("2")
        try Data("half a k".utf8).write(to: URL(fileURLWithPath: path + "/0.tmp"))
        try repository.rotate(chance: chance)
        #expect(try names() == ["0", "1", "2"])
        #expect(try repository.load().keys.first?.text == primary)
    }

    @Test func aCreationThatWasCutShortIsFinished() throws {
        let repository = KeyRepository(path: path)
        try repository.create(chance: chance)
        try FileManager.default.removeItem(atPath: path + "/1")
        try repository.create(chance: chance)
        #expect(try names() == ["0", "1"])
    }

    @Test func whatIsNoKeyIsLeftAlone() throws {
        let repository = KeyRepository(path: path)
        try repository.create(chance: chance)
        try Data().write(to: URL(fileURLWithPath: path + "/9"))
        try Data("notes".utf8).write(to: URL(fileURLWithPath: path + "/README"))
        try FileManager.default.createDirectory(atPath: path + "/8", withIntermediateDirectories: false)
        #expect(try repository.load().keys.count == 2)
    }

    @Test func aKeyMayEndInANewline() throws {
        let repository = KeyRepository(path: path)
        try repository.create(chance: chance)
        let keys = try repository.load().keys
        try Data((try text("1") + "\n").utf8).write(to: URL(fileURLWithPath: path + "/1"))
        #expect(try repository.load().keys == keys)
    }

    @Test func aBrokenKeyIsNamed() throws {
        let repository = KeyRepository(path: path)
        try repository.create(chance: chance)
        try Data("no key".utf8).write(to: URL(fileURLWithPath: path + "/1"))
        let failure = #expect(throws: Failure.self) { try repository.load() }
        #expect(failure?.message.contains("\(path)/1") == true)
    }

    @Test func withoutADirectoryItSaysWhichIsMissing() {
        let failure = #expect(throws: Failure.self) { try KeyRepository(path: path).load() }
        #expect(failure?.message.contains(path) == true)
    }

    @Test func aRingTakesUpWhatAnotherProcessRotated() throws {
        let repository = KeyRepository(path: path)
        try repository.create(chance: chance)
        let ring = try KeyRing(repository)
        #expect(try ring.refresh() == false)
        try repository.rotate(chance: chance)
        #expect(try ring.refresh() == true)
        #expect(ring.keys.keys == (try repository.load().keys))
    }

    @Test func aRingKeepsItsKeysWhenTheyCannotBeRead() throws {
        let repository = KeyRepository(path: path)
        try repository.create(chance: chance)
        let ring = try KeyRing(repository)
        try FileManager.default.removeItem(atPath: path)
        #expect(throws: Failure.self) { try ring.refresh() }
        #expect(ring.keys.keys.count == 2)
    }
}
