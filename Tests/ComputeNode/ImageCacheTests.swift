import API
import Base
import Foundation
import HTTP
import Testing

@testable import ComputeNode

@Suite struct ImageCacheTests {
    /// An image service that has one image.
    private func cache(in folder: String, has kept: String) -> ImageCache {
        let service = Neighbour("image", asker: "test") { request throws(Failure) in
            let isThere = request.path.hasSuffix(kept)
            let body: JSON = isThere ? ["id": .string(kept), "status": "active", "disk_format": "raw"] : [:]
            return HTTPResponse(isThere ? 200 : 404, body: .bytes(Array(body.text.utf8)))
        }
        return ImageCache(folder: folder, service: service)
    }

    @Test func imagesOnWhichNoGuestStandsGoInTheirTime() async throws {
        let folder = FileManager.default.temporaryDirectory.path + "/images-\(Foundation.UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let names = (1...3).map { _ in Foundation.UUID().uuidString.lowercased() }
        let (used, kept, gone) = (names[0], names[1], names[2])
        for name in names { try Files.write("bytes", to: "\(folder)/\(name)") }
        let (cache, now) = (cache(in: folder, has: kept), Int(Date().timeIntervalSince1970))
        let left = { Set(try FileManager.default.contentsOfDirectory(atPath: folder)) }

        for (later, stay) in [(600, Set(names)), (4_000, [used, kept]), (90_000, [used])] {
            try await cache.tidy(used: ["\(folder)/\(used)"], token: "t", at: now + later)
            #expect(try left() == stay, "after \(later) s")
        }
        #expect(gone != kept)
    }

    @Test func whoeverUsesAnImageKeepsIt() async throws {
        let folder = FileManager.default.temporaryDirectory.path + "/images-\(Foundation.UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let name = Foundation.UUID().uuidString.lowercased()
        let path = "\(folder)/\(name)"
        try Files.write("bytes", to: path)
        let old = Date(timeIntervalSinceNow: -100_000)
        try FileManager.default.setAttributes([.modificationDate: old], ofItemAtPath: path)
        let cache = cache(in: folder, has: name)
        _ = try await cache.ensure(name, token: "t")
        try await cache.tidy(used: [], token: "t", at: Int(Date().timeIntervalSince1970) + 7_200)
        #expect(Files.exists(path))
    }
}
