import Base
import CloudTesting
import HTTP
import Synchronization
import Testing

@testable import BlockStorage

@Suite struct VolumeTests {
    @Test func aVolumeIsMadeOnItsNodeAndLeavesNothingBehind() async throws {
        try await VolumeTalk.with { talk in
            let id = try await talk.volume(["name": " one ", "size": "2", "metadata": ["a": "b"]])
            let shown = await talk.get("/volumes/\(id)")
            #expect(shown["volume"]?["status"] == "available")
            #expect(shown["volume"]?["name"] == "one")
            #expect(shown["volume"]?["size"] == 2)
            #expect(shown["volume"]?["volume_type"] == "__DEFAULT__")
            #expect(shown["volume"]?["os-vol-host-attr:host"] == nil)
            #expect(
                await talk.get("/volumes/\(id)", as: .admin)["volume"]?["os-vol-host-attr:host"]
                    == "node@simulated#simulated")
            #expect(try await talk.stored() == ["volume-\(id)"])
            #expect(await talk.used("gigabytes") == 2)
            #expect(await talk.send("DELETE", "/volumes/\(id)").status == 202)
            try await talk.settle()
            #expect(await talk.get("/volumes/\(id)").status == 404)
            #expect(try await talk.stored().isEmpty)
            #expect(await talk.used("gigabytes") == 0)
        }
    }

    @Test(
        arguments: [
            ["size": 0], ["size": -1], ["size": "many"], [:], ["size": 1, "name": 7], ["size": 1, "nonsense": true],
            ["size": 1, "multiattach": true], ["size": 1, "availability_zone": "nowhere"],
            ["size": 1, "metadata": ["a": 1]],
        ] as [JSON])
    func whatMakesNoSenseIsRefused(body: JSON) async throws {
        try await VolumeTalk.with { talk in
            let answer = await talk.send("POST", "/volumes", ["volume": body])
            #expect(answer.status == 400)
            #expect(answer["badRequest"]?["message"]?.string?.isEmpty == false)
        }
    }

    @Test func whatItIsToBeMadeFromHasToBeThere() async throws {
        try await VolumeTalk.with { talk in
            let nobody: JSON = "6f1c6fd0-4b7c-4f3a-9a83-8e2a1c1f0000"
            for body: JSON in [["snapshot_id": nobody], ["source_volid": nobody], ["size": 1, "volume_type": "fast"]] {
                #expect(await talk.send("POST", "/volumes", ["volume": body]).status == 404)
            }
            #expect(await talk.send("POST", "/volumes", ["volume": ["size": 1, "imageRef": nobody]]).status == 400)
        }
    }

    @Test func aCloneIsAsLargeAsItsSourceAndNeverSmaller() async throws {
        try await VolumeTalk.with { talk in
            let source = try await talk.volume(["size": 3])
            let clone = try await talk.volume(["size": nil, "source_volid": .string(source)])
            #expect(await talk.get("/volumes/\(clone)")["volume"]?["size"] == 3)
            let small: JSON = ["volume": ["size": 2, "source_volid": .string(source)]]
            #expect(await talk.send("POST", "/volumes", small).status == 400)
        }
    }

    @Test func aVolumeWithSnapshotsGoesOnlyWithThem() async throws {
        try await VolumeTalk.with { talk in
            let id = try await talk.volume()
            _ = try await talk.snapshot(of: id)
            #expect(await talk.send("DELETE", "/volumes/\(id)").status == 400)
            #expect(await talk.send("DELETE", "/volumes/\(id)?cascade=true").status == 202)
            try await talk.settle()
            #expect(try await talk.stored().isEmpty)
            #expect(await talk.used("snapshots") == 0)
        }
    }

    @Test func aVolumeGrowsWithinTheQuota() async throws {
        var settings = BlockStorageSettings()
        settings.gigabytes = 5
        try await VolumeTalk.with(settings: settings) { talk in
            let id = try await talk.volume()
            #expect(await talk.send("POST", "/volumes/\(id)/action", ["os-extend": ["new_size": 1]]).status == 400)
            let over = await talk.send("POST", "/volumes/\(id)/action", ["os-extend": ["new_size": 6]])
            #expect(over.status == 413)
            #expect(over["overLimit"]?["code"] == 413)
            #expect(await talk.send("POST", "/volumes/\(id)/action", ["os-extend": ["new_size": 5]]).status == 202)
            #expect(await talk.used("gigabytes") == 5)
            try await talk.settle()
            #expect(await talk.get("/volumes/\(id)")["volume"]?["size"] == 5)
            #expect(await talk.status("/volumes/\(id)") == "available")
        }
    }

    @Test func aVolumeThatFitsNowhereSaysWhy() async throws {
        try await VolumeTalk.with { talk in
            let made = await talk.send(
                "POST", "/types", ["volume_type": ["name": "fast", "extra_specs": ["vendor_name": "Nobody"]]],
                as: .admin)
            #expect(made.status == 200)
            let id = try await talk.volume(["volume_type": "fast"])
            #expect(await talk.status("/volumes/\(id)") == "error")
            let messages = await talk.get("/messages?resource_uuid=\(id)")["messages"]?.array
            #expect(messages?.count == 1)
            #expect(messages?.first?["user_message"]?.string?.contains("weighted backend") == true)
        }
    }

    @Test func listsArePagedSortedAndNarrowed() async throws {
        try await VolumeTalk.with { talk in
            for name in ["c", "a", "b"] {
                _ = try await talk.volume(["name": .string(name), "metadata": ["k": .string(name)]])
            }
            let names = { (answer: Answer) in answer["volumes"]?.array?.compactMap { $0["name"]?.string } ?? [] }
            #expect(await names(talk.get("/volumes?sort=name:asc")) == ["a", "b", "c"])
            #expect(await names(talk.get("/volumes?metadata=%7B%27k%27%3A%20%27b%27%7D")) == ["b"])
            #expect(await names(talk.get("/volumes?limit=0")).isEmpty)
            let first = await talk.get("/volumes?sort=name:asc&limit=2")
            #expect(names(first) == ["a", "b"])
            let next = try #require(first["volumes_links"]?.array?.first?["href"]?.string)
            let path = try #require(next.firstRange(of: "/volume/v3").map { String(next[$0.upperBound...]) })
            #expect(await names(talk.get(path)) == ["c"])
            #expect(await talk.get("/volumes?with_count=true&limit=1")["count"] == 3)
            for bad in ["limit=-1", "limit=x", "sort=nonsense", "sort=name:up", "nonsense=1"] {
                #expect(await talk.get("/volumes?\(bad)").status == 400, "\(bad)")
            }
            #expect(await talk.get("/volumes?marker=nobody").status == 404)
            #expect(await names(talk.get("/volumes", as: .stranger)).isEmpty)
            #expect(await names(talk.get("/volumes", as: .admin)).isEmpty)
            #expect(await names(talk.get("/volumes?all_tenants=1", as: .admin)).count == 3)
        }
    }

    @Test func aPathMayNameTheProjectAndNoOther() async throws {
        try await VolumeTalk.with { talk in
            let id = try await talk.volume()
            let shown = await talk.get("/project-1/volumes/\(id)")
            #expect(shown.status == 200)
            let link = shown["volume"]?["links"]?.array?.first?["href"]?.string
            #expect(link?.hasSuffix("/volume/v3/project-1/volumes/\(id)") == true)
            #expect(await talk.get("/project-2/volumes/\(id)").status == 400)
        }
    }

    @Test func anImagesNeedsAreChecked() async throws {
        let image = "0e37b0a5-52e7-4f10-8ad5-6a1f7f2f0001"
        let images: VolumeTalk.Answerer = { request in
            if request.path.hasSuffix("/file") { return (200, [:]) }
            return (
                200,
                [
                    "id": .string(image), "name": "big", "status": "active", "min_disk": 3, "size": 100,
                    "disk_format": "raw", "container_format": "bare", "hw_machine_type": "q35",
                ]
            )
        }
        try await VolumeTalk.with(neighbours: images) { talk in
            let wish = { (size: Int) -> JSON in ["volume": ["size": JSON(size), "imageRef": .string(image)]] }
            #expect(await talk.send("POST", "/volumes", wish(2)).status == 400)
            let id = try await talk.volume(["size": 3, "imageRef": .string(image)])
            let shown = await talk.get("/volumes/\(id)")
            #expect(shown["volume"]?["bootable"] == "true")
            #expect(shown["volume"]?["volume_image_metadata"]?["image_id"]?.string == image)
            #expect(shown["volume"]?["volume_image_metadata"]?["hw_machine_type"] == "q35")
        }
    }

    /// Such an image has no bytes of its own.
    @Test func anImageOfAServerWithItsDiskInAVolumeMeansTheSnapshotOfThatVolume() async throws {
        let image = "0e37b0a5-52e7-4f10-8ad5-6a1f7f2f0001"
        let named = Mutex("")
        let images: VolumeTalk.Answerer = { _ in
            let mappings: JSON = [
                ["source_type": "snapshot", "boot_index": .null, "snapshot_id": .string(image)],
                ["source_type": "snapshot", "boot_index": 0, "snapshot_id": .string(named.withLock { $0 })],
            ]
            return (
                200,
                [
                    "id": .string(image), "name": "of a server", "status": "active", "size": 0, "disk_format": "raw",
                    "block_device_mapping": .string(mappings.text),
                ]
            )
        }
        try await VolumeTalk.with(neighbours: images) { talk in
            let source = try await talk.volume(["size": 2])
            let boot: JSON = ["os-set_bootable": ["bootable": true]]
            #expect(await talk.send("POST", "/volumes/\(source)/action", boot).status == 200)
            let snapshot = try await talk.snapshot(of: source)
            named.withLock { $0 = snapshot }
            let id = try await talk.volume(["size": .null, "imageRef": .string(image)])
            let shown = await talk.get("/volumes/\(id)")["volume"]
            #expect(shown?["snapshot_id"]?.string == snapshot)
            #expect(shown?["size"] == 2)
            #expect(shown?["bootable"] == "true")
            #expect(shown?["status"] == "available")

            let wish: JSON = ["volume": ["size": 1, "imageRef": .string(image)]]
            #expect(await talk.send("POST", "/volumes", wish).status == 400)
            #expect(await talk.send("POST", "/volumes", wish, as: .stranger).status == 404)
            // Older clients get what they always got: a volume as empty as the image.
            let old = await talk.send("POST", "/volumes", wish, at: "3.45")
            #expect(old.status == 202)
            #expect(old["volume"]?["snapshot_id"]?.isNull == true)
        }
    }
}
