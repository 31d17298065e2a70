import Base
import CloudTesting
import HTTP
import Synchronization
import Testing

@testable import BlockStorage

@Suite struct AttachmentTests {
    private let server: JSON = "7d3a1c52-11d5-4b5f-8f3e-0d7c4a3e0001"
    private let other: JSON = "7d3a1c52-11d5-4b5f-8f3e-0d7c4a3e0002"

    private func attach(_ talk: VolumeTalk, _ volume: String, to server: JSON) async -> String? {
        let wish: JSON = ["attachment": ["volume_uuid": .string(volume), "instance_uuid": server]]
        return await talk.send("POST", "/attachments", wish)["attachment"]?["id"]?.string
    }

    @Test func aVolumeIsReservedAttachedAndFreeAgain() async throws {
        try await VolumeTalk.with { talk in
            let id = try await talk.volume()
            let attachment = try #require(await attach(talk, id, to: server))
            #expect(await talk.status("/volumes/\(id)") == "reserved")
            let connector: JSON = ["attachment": ["connector": ["host": "node", "mountpoint": "/dev/vdb"]]]
            let connected = await talk.send("PUT", "/attachments/\(attachment)", connector)
            #expect(connected["attachment"]?["connection_info"]?["driver_volume_type"] == "simulated")
            #expect(connected["attachment"]?["connection_info"]?["data"]?["volume_id"]?.string == id)
            #expect(await talk.status("/volumes/\(id)") == "attaching")
            #expect(await talk.send("POST", "/attachments/\(attachment)/action", ["os-complete": nil]).status == 204)
            let shown = await talk.get("/volumes/\(id)")["volume"]
            #expect(shown?["status"] == "in-use")
            #expect(shown?["attachments"]?.array?.first?["server_id"] == server)
            #expect(shown?["attachments"]?.array?.first?["device"] == "/dev/vdb")
            #expect(await talk.send("DELETE", "/volumes/\(id)").status == 400)
            #expect(await talk.send("DELETE", "/attachments/\(attachment)").status == 200)
            #expect(await talk.status("/volumes/\(id)") == "available")
        }
    }

    /// Lists remember what they have written: every change has to be seen at once all the same.
    @Test func aListShowsWhatEachVolumeShowsAfterEveryChange() async throws {
        try await VolumeTalk.with { talk in
            let type: JSON = ["volume_type": ["name": "plain"]]
            let made = await talk.send("POST", "/types", type, as: .admin)
            let typeID = made["volume_type"]?["id"]?.string ?? ""
            let id = try await talk.volume(["volume_type": "plain"])
            func expectSame(_ change: String) async {
                for persona in [Persona.member, .admin] {
                    let shown = await talk.get("/volumes/\(id)", as: persona)["volume"]
                    let listed = await talk.get("/volumes/detail?all_tenants=1", as: persona)["volumes"]?.array?.first
                    #expect(shown != nil && listed == shown, "\(change)")
                }
            }
            await expectSame("made")
            let renamed: JSON = ["volume": ["name": "other", "metadata": ["a": "b"]]]
            #expect(await talk.send("PUT", "/volumes/\(id)", renamed).status == 200)
            await expectSame("renamed")
            let attachment = try #require(await attach(talk, id, to: server))
            await expectSame("reserved")
            let connector: JSON = ["attachment": ["connector": ["host": "node", "mountpoint": "/dev/vdb"]]]
            #expect(await talk.send("PUT", "/attachments/\(attachment)", connector).status == 200)
            #expect(await talk.send("POST", "/attachments/\(attachment)/action", ["os-complete": nil]).status == 204)
            await expectSame("attached")
            let other: JSON = ["volume_type": ["name": "fancy"]]
            #expect(await talk.send("PUT", "/types/\(typeID)", other, as: .admin).status == 200)
            await expectSame("of a type with another name")
            #expect(await talk.get("/volumes/detail")["volumes"]?.array?.first?["volume_type"] == "fancy")
            #expect(await talk.send("DELETE", "/attachments/\(attachment)").status == 200)
            await expectSame("free again")
            let readOnly: JSON = ["os-update_readonly_flag": ["readonly": true]]
            #expect(await talk.send("POST", "/volumes/\(id)/action", readOnly).status == 202)
            await expectSame("read-only")
        }
    }

    @Test func onlyWhatIsMeantForSeveralIsAttachedToSeveral() async throws {
        try await VolumeTalk.with { talk in
            let id = try await talk.volume()
            _ = await attach(talk, id, to: server)
            #expect(await attach(talk, id, to: other) == nil)
            let type: JSON = ["volume_type": ["name": "shared", "extra_specs": ["multiattach": "<is> True"]]]
            _ = await talk.send("POST", "/types", type, as: .admin)
            let shared = try await talk.volume(["volume_type": "shared"])
            #expect(await attach(talk, shared, to: server) != nil)
            #expect(await attach(talk, shared, to: other) != nil)
        }
    }

    @Test func whatAServerUsesIsTheComputeServicesToDetach() async throws {
        let holder = Holder()
        let servers: VolumeTalk.Answerer = { request in
            guard request.path.contains("os-volume_attachments"), let id = holder.id else { return (404, [:]) }
            return (200, ["volumeAttachment": ["attachment_id": .string(id)]])
        }
        try await VolumeTalk.with(neighbours: servers) { talk in
            let id = try await talk.volume()
            let attachment = try #require(await attach(talk, id, to: server))
            _ = await talk.send("PUT", "/attachments/\(attachment)", ["attachment": ["connector": ["host": "node"]]])
            holder.id = attachment
            #expect(await talk.send("DELETE", "/attachments/\(attachment)").status == 409)
            holder.id = nil
            #expect(await talk.send("DELETE", "/attachments/\(attachment)").status == 200)
        }
    }

    @Test func theOldWayOfAttachingLeadsToTheSame() async throws {
        try await VolumeTalk.with { talk in
            let id = try await talk.volume()
            let act = { (body: JSON) in await talk.send("POST", "/volumes/\(id)/action", body).status }
            #expect(await act(["os-reserve": [:]]) == 202)
            #expect(await act(["os-reserve": [:]]) == 400)
            #expect(await act(["os-unreserve": [:]]) == 202)
            #expect(await talk.status("/volumes/\(id)") == "available")
            #expect(await act(["os-attach": ["instance_uuid": server, "mountpoint": "/dev/vdc"]]) == 202)
            #expect(await talk.status("/volumes/\(id)") == "in-use")
            #expect(await act(["os-begin_detaching": [:]]) == 202)
            #expect(await talk.status("/volumes/\(id)") == "detaching")
            #expect(await act(["os-roll_detaching": [:]]) == 202)
            #expect(await act(["os-detach": [:]]) == 202)
            #expect(await talk.status("/volumes/\(id)") == "available")
        }
    }
}

/// Something that a neighbour learns in the middle of a test.
final class Holder: Sendable {
    private let value = Mutex<String?>(nil)

    var id: String? {
        get { value.withLock { $0 } }
        set { value.withLock { $0 = newValue } }
    }
}
