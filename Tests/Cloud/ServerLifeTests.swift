import Base
import Foundation
import HTTP
import SQL
import Synchronization
import Testing
import Workflow

@testable import Cloud

/// What can be done with a server that is there, on two simulated hosts.
@Suite struct ServerLifeTests {
    @Test func aServerIsResizedAndItsUserDecides() async throws {
        try await RunningCloud.with(nodes: 2) { cloud in
            let ground = try await Ordered(cloud)
            let id = try await ground.boot()
            for (word, flavor) in [("confirmResize", "large"), ("revertResize", "large")] {
                try await cloud.act(id, ["resize": ["flavorRef": "large"]])
                #expect(try await cloud.rest(id, "VERIFY_RESIZE")["flavor"]?["ram"] == 256)
                try await cloud.act(id, [word: .null])
                let after = try await cloud.rest(id, "ACTIVE")
                #expect(after["flavor"]?["ram"] == (word == "confirmResize" ? 256 : 128))
                let held = try await cloud.send("GET", "/placement/allocations/\(id)").json["allocations"]
                let memory = held?.object?.members.first?.value["resources"]?["MEMORY_MB"]
                #expect(memory == (word == "confirmResize" ? 256 : 128), "\(flavor)")
                if word == "confirmResize" {
                    try await cloud.act(id, ["resize": ["flavorRef": "small"]])
                    try await cloud.rest(id, "VERIFY_RESIZE")
                    try await cloud.act(id, ["confirmResize": .null])
                    try await cloud.rest(id, "ACTIVE")
                }
            }
            try await ground.expectNothingLeft(after: id)
        }
    }

    @Test func aServerMovesFromHostToHostAndIsHeldByOneOnly() async throws {
        try await RunningCloud.with(nodes: 2) { cloud in
            let ground = try await Ordered(cloud)
            let id = try await ground.boot()
            let first = try await cloud.rest(id, "ACTIVE")["OS-EXT-SRV-ATTR:host"]?.string
            try await cloud.act(id, ["os-migrateLive": ["block_migration": "auto", "host": .null]])
            let second = try await cloud.rest(id, "ACTIVE")["OS-EXT-SRV-ATTR:host"]?.string
            #expect(first != second)
            try await cloud.act(id, ["migrate": .null])
            #expect(try await cloud.rest(id, "VERIFY_RESIZE")["OS-EXT-SRV-ATTR:host"]?.string == first)
            try await cloud.act(id, ["confirmResize": .null])
            try await cloud.rest(id, "ACTIVE")
            let kinds = try await cloud.send("GET", "/compute/v2.1/os-migrations", version: "2.59").json["migrations"]?
                .array?.map { "\($0["migration_type"]?.string ?? "") \($0["status"]?.string ?? "")" }
            #expect(kinds == ["migration confirmed", "live-migration completed"])
            try await ground.expectNothingLeft(after: id)
        }
    }

    @Test func aServerIsShelvedKeepsItsAddressAndComesBack() async throws {
        try await RunningCloud.with { cloud in
            let ground = try await Ordered(cloud)
            let id = try await ground.boot()
            let before = try await cloud.rest(id, "ACTIVE")["addresses"]
            try await cloud.act(id, ["shelve": .null])
            let shelved = try await cloud.rest(id, "SHELVED_OFFLOADED")
            #expect(shelved["OS-EXT-SRV-ATTR:host"]?.isNull == true)
            let held = try await cloud.send("GET", "/placement/allocations/\(id)").json["allocations"]
            #expect(held?.object?.members.isEmpty == true)
            try await cloud.act(id, ["unshelve": .null])
            #expect(try await cloud.rest(id, "ACTIVE")["addresses"] == before)
            try await ground.expectNothingLeft(after: id)
        }
    }

    @Test func aServerIsRescuedRebuiltAndWrittenToImages() async throws {
        try await RunningCloud.with { cloud in
            let ground = try await Ordered(cloud)
            let id = try await ground.boot()
            let rescue = try await cloud.act(id, ["rescue": .null], expects: 200)
            #expect(rescue["adminPass"]?.string?.isEmpty == false)
            try await cloud.rest(id, "RESCUE")
            try await cloud.act(id, ["unrescue": .null])
            try await cloud.rest(id, "ACTIVE")

            let addresses = try await cloud.rest(id, "ACTIVE")["addresses"]
            let rebuilt = try await cloud.act(
                id, ["rebuild": ["imageRef": .string(ground.image), "name": "again", "metadata": ["a": "b"]]])
            #expect(rebuilt["server"]?["status"] == "REBUILD")
            let after = try await cloud.rest(id, "ACTIVE")
            #expect(after["name"] == "again")
            #expect(after["metadata"] == ["a": "b"])
            #expect(after["addresses"] == addresses)

            let made = try await cloud.act(id, ["createImage": ["name": "snapshot"]])
            let image = try #require(made["image_id"]?.string)
            try await cloud.rest(id, "ACTIVE")
            let shown = try await cloud.send("GET", "/image/v2/images/\(image)").json
            #expect(shown["status"] == "active")
            #expect(shown["image_type"] == "snapshot")
            #expect(shown["base_image_ref"]?.string == ground.image)
            for _ in 0..<3 {
                let wish: JSON = ["name": "backup", "backup_type": "daily", "rotation": 2]
                try await cloud.act(id, ["createBackup": wish])
                try await cloud.rest(id, "ACTIVE")
            }
            _ = try await cloud.wait(for: "/image/v2/images?name=backup") { $1["images"]?.array?.count == 2 }
        }
    }

    @Test func interfacesComeAndGo() async throws {
        try await RunningCloud.with { cloud in
            let ground = try await Ordered(cloud)
            let id = try await ground.boot()
            let path = "/compute/v2.1/servers/\(id)/os-interface"
            let made = try await cloud.send(
                "POST", path, ["interfaceAttachment": ["net_id": .string(ground.network)]], version: "2.70")
            #expect(made.status == 200)
            let port = try #require(made.json["interfaceAttachment"]?["port_id"]?.string)
            #expect(try await cloud.rest(id, "ACTIVE")["addresses"]?["net"]?.array?.count == 2)
            #expect(try await cloud.send("DELETE", "\(path)/\(port)").status == 202)
            _ = try await cloud.wait(for: path) { $1["interfaceAttachments"]?.array?.count == 1 }
            #expect(try await cloud.send("GET", "/network/v2.0/ports/\(port)").status == 404)
            _ = try await cloud.wait(for: "/compute/v2.1/servers/\(id)") { _, json in
                json["server"]?["addresses"]?["net"]?.array?.count == 1
            }
            #expect(try await cloud.send("DELETE", "\(path)/\(port)").status == 404)
            try await ground.expectNothingLeft(after: id)
        }
    }

    @Test func whatAServersStateDoesNotAllowIsAConflict() async throws {
        try await RunningCloud.with { cloud in
            let ground = try await Ordered(cloud)
            let id = try await ground.boot()
            let refused: [JSON] = [
                ["unrescue": .null], ["confirmResize": .null], ["revertResize": .null], ["unshelve": .null],
                ["shelveOffload": .null], ["restore": .null], ["os-start": .null],
            ]
            for body in refused {
                let answer = try await cloud.send("POST", "/compute/v2.1/servers/\(id)/action", body)
                #expect(answer.status == 409, "\(body.text)")
                let message = answer.json["conflictingRequest"]?["message"]?.string ?? ""
                #expect(message.contains("while it is in vm_state active"), "\(body.text)")
            }
        }
    }

    @Test func aConsoleIsOpenedOnceWithItsTicket() async throws {
        try await RunningCloud.with { cloud in
            let ground = try await Ordered(cloud)
            let id = try await ground.boot()
            let wish: JSON = ["remote_console": ["protocol": "vnc", "type": "novnc"]]
            let path = "/compute/v2.1/servers/\(id)/remote-consoles"
            let made = try await cloud.send("POST", path, wish, version: "2.8")
            #expect(made.status == 200)
            let url = try #require(made.json["remote_console"]?["url"]?.string)
            #expect(url.contains("/console/vnc_lite.html?path=console%2Fwebsockify%3Ftoken%3D"))
            let token = try #require(url.components(separatedBy: "token%3D").last)
            let shown = try await cloud.send("GET", "/compute/v2.1/os-console-auth-tokens/\(token)", version: "2.31")
            #expect(shown.json["console"]?["instance_uuid"]?.string == id)
            var statuses: [Int] = []
            for secret in [token + "x", token, token] {
                let request = HTTPRequest(
                    "GET", "/console/websockify?token=\(secret)", headers: ["Upgrade": "websocket"])
                let answer = await cloud.cloud.respond(to: request)
                statuses.append(answer.status)
                // Nothing is said that could be taken for the guest's word.
                if answer.status == 403, case .none = answer.body { continue }
                #expect(answer.status == 101)
            }
            #expect(statuses == [403, 101, 403])
            let spice: JSON = ["remote_console": ["protocol": "spice", "type": "spice-html5"]]
            #expect(try await cloud.send("POST", path, spice, version: "2.8").status == 400)
        }
    }
}

/// Servers and their volumes, which two services look after.
@Suite struct ServerVolumeTests {
    @Test func aVolumeIsAttachedOnceAndFreeAgainAfterwards() async throws {
        try await RunningCloud.with { cloud in
            let ground = try await Ordered(cloud)
            let id = try await ground.boot()
            let volume = try await ground.volume()
            let path = "/compute/v2.1/servers/\(id)/os-volume_attachments"
            let wish: JSON = ["volumeAttachment": ["volumeId": .string(volume)]]
            let made = try await cloud.send("POST", path, wish)
            #expect(made.status == 200)
            #expect(made.json["volumeAttachment"]?["device"] == "/dev/vdb")
            try await ground.wait(forVolume: volume, "in-use")
            #expect(try await cloud.send("POST", path, wish).status == 400)
            let shown = try await cloud.send("GET", "\(path)/\(volume)", version: "2.89").json["volumeAttachment"]
            #expect(shown?["delete_on_termination"] == false)
            #expect(shown?["attachment_id"]?.string != nil)
            let seen = try await cloud.send("GET", "/volume/v3/volumes/\(volume)").json["volume"]?["attachments"]
            #expect(seen?.array?.first?["device"] == "/dev/vdb")
            #expect(try await cloud.send("DELETE", "\(path)/\(volume)").status == 202)
            try await ground.wait(forVolume: volume, "available")
            _ = try await cloud.wait(for: "\(path)/\(volume)") { status, _ in status == 404 }
            try await ground.expectNothingLeft(after: id)
        }
    }

    @Test func aServerStartsFromAVolumeThatGoesWithIt() async throws {
        try await RunningCloud.with { cloud in
            let ground = try await Ordered(cloud)
            let other = try await ground.volume()
            let id = try await ground.bootFromVolume(beside: other)
            let server = try await cloud.rest(id, "ACTIVE")
            #expect(server["image"] == "")
            let volumes = server["os-extended-volumes:volumes_attached"]?.array ?? []
            let root = try #require(volumes.first { $0["id"]?.string != other }?["id"]?.string)
            let path = "/compute/v2.1/servers/\(id)/os-volume_attachments/\(root)"
            #expect(try await cloud.send("DELETE", path).status == 400)
            let seen = try await cloud.send("GET", "/volume/v3/volumes/\(root)").json["volume"]?["attachments"]
            #expect(seen?.array?.first?["device"] == "/dev/vda")
            try await ground.expectNothingLeft(after: id)
            try await ground.wait(forVolume: other, "available")
            _ = try await cloud.wait(for: "/volume/v3/volumes/\(root)") { status, _ in status == 404 }
        }
    }

    @Test func diskWishesThatMakeNoSenseAreRefused() async throws {
        try await RunningCloud.with { cloud in
            let ground = try await Ordered(cloud)
            let missing = "11111111-1111-4111-8111-111111111111"
            let wishes: [(JSON, String)] = [
                ([["source_type": "blank", "destination_type": "volume", "boot_index": 0]], "non-zero size"),
                (
                    [
                        [
                            "source_type": "image", "destination_type": "volume", "boot_index": 0,
                            "uuid": .string(ground.image),
                        ]
                    ], "non-zero size"
                ),
                (
                    [
                        [
                            "source_type": "volume", "destination_type": "volume", "boot_index": 0,
                            "uuid": .string(missing),
                        ]
                    ], "failed to get volume \(missing)"
                ),
                (
                    [["source_type": "blank", "destination_type": "volume", "boot_index": 1, "volume_size": 1]],
                    "Boot sequence"
                ),
            ]
            for (wish, words) in wishes {
                let body: JSON = [
                    "server": [
                        "name": "guest", "flavorRef": "small", "networks": [["uuid": .string(ground.network)]],
                        "block_device_mapping_v2": wish,
                    ]
                ]
                let answer = try await cloud.send("POST", "/compute/v2.1/servers", body)
                #expect(answer.status == 400, "\(words)")
                #expect(answer.json["badRequest"]?["message"]?.string?.contains(words) == true, "\(answer.json.text)")
            }
        }
    }
}

/// Whatever is done with a server may fail in any of its steps, before and after: it comes to rest, and its deletion
/// leaves nothing behind.
@Suite struct LongServerFailureTests {
    /// Fails once, in one step; or is as if the process died there.
    private final class Trap: Sendable {
        private let armed = Mutex<(step: String, point: WorkflowRunner.FaultPoint, isDeadly: Bool)?>(nil)

        func arm(_ step: String, _ point: WorkflowRunner.FaultPoint, isDeadly: Bool = false) {
            armed.withLock { $0 = (step, point, isDeadly) }
        }

        var isSprung: Bool { armed.withLock { $0 == nil } }

        func meet(_ point: WorkflowRunner.FaultPoint, _ step: String) throws {
            let met = armed.withLock { armed in
                guard let trap = armed, trap.step == step, trap.point == point else { return Bool?.none }
                armed = nil
                return trap.isDeadly
            }
            guard let isDeadly = met else { return }
            guard isDeadly else { throw Failure(.bug, "A trap in \"\(step)\".") }
            withUnsafeCurrentTask { $0?.cancel() }
            throw CancellationError()
        }

        /// A process that starts lets go of what it held when it died.
        func reborn(_ cloud: RunningCloud) async throws {
            while !isSprung { try await Task.sleep(for: .milliseconds(5)) }
            try await Task.sleep(for: .milliseconds(50))
            let database = try Database(Database.Location(cloud.cloud.settings.databaseAddress))
            try await database.write { tx in
                try tx.run("UPDATE workflow_run SET held_until = 0 WHERE direction IN ('forward', 'undoing')")
                return
            }
            await database.close()
        }
    }

    /// What fails is taken back, and what dies goes on: whatever the store holds for a server, the server has.
    @Test func attachingAndDetachingEndWellWhereverTheyBreakOff() async throws {
        let trap = Trap()
        try await RunningCloud.with(fault: trap.meet) { cloud in
            let ground = try await Ordered(cloud)
            let (id, volume) = (try await ground.boot(), try await ground.volume())
            let path = "/compute/v2.1/servers/\(id)/os-volume_attachments"
            let bonds = "/volume/v3/attachments?volume_id=\(volume)"
            let version = "2.89, volume 3.44"
            let wish: JSON = ["volumeAttachment": ["volumeId": .string(volume)]]
            for point in WorkflowRunner.FaultPoint.allCases {
                let steps = [
                    ("reserve it", "detach it on the host"), ("attach it on the host", "let go of it"),
                ]
                for (attaching, detaching) in steps {
                    trap.arm(attaching, point)
                    let refused = try await cloud.send("POST", path, wish)
                    // What fails soon after the reservation may be told, too.
                    #expect(refused.status == 500 || attaching != "reserve it" && refused.status == 200)
                    _ = try await cloud.wait(for: path) { $1["volumeAttachments"]?.array?.isEmpty == true }
                    try await ground.wait(forVolume: volume, "available")
                    _ = try await cloud.wait(for: bonds, version: version) { $1["attachments"]?.array?.isEmpty == true }

                    trap.arm(attaching, point, isDeadly: true)
                    async let answer = cloud.send("POST", path, wish)
                    try await trap.reborn(cloud)
                    #expect(try await answer.status == 200, "\(point) \"\(attaching)\"")
                    try await ground.wait(forVolume: volume, "in-use")
                    let held = try await cloud.send("GET", bonds, version: version).json["attachments"]
                    #expect(held?.array?.count == 1, "\(point) \"\(attaching)\"")
                    let own = try await cloud.send("GET", "\(path)/\(volume)", version: "2.89").json["volumeAttachment"]
                    #expect(own?["attachment_id"] == held?.array?.first?["id"])

                    trap.arm(detaching, point, isDeadly: true)
                    #expect(try await cloud.send("DELETE", "\(path)/\(volume)").status == 202)
                    try await trap.reborn(cloud)
                    try await ground.wait(forVolume: volume, "available")
                    _ = try await cloud.wait(for: path) { $1["volumeAttachments"]?.array?.isEmpty == true }
                    _ = try await cloud.wait(for: bonds, version: version) { $1["attachments"]?.array?.isEmpty == true }
                }
            }
            try await ground.expectNothingLeft(after: id)
        }
    }

    /// What is done, in which steps, and where the server may be found afterwards.
    private static let deeds: [(body: JSON, steps: [String], rests: Set<String>)] = [
        (
            ["resize": ["flavorRef": "large"]],
            ["choose a host", "switch it off", "write down its new size", "make it so on the host"], ["ACTIVE"]
        ),
        (
            ["migrate": .null],
            [
                "choose a host", "switch it off", "write down its new size", "carry its disks over",
                "make it so on the host",
            ], ["ACTIVE"]
        ),
        (
            ["os-migrateLive": ["block_migration": "auto", "host": .null]],
            ["choose a host", "make it on the new host", "let its ports follow"], ["ACTIVE"]
        ),
        (
            ["shelve": .null], ["switch it off", "announce the image", "write the image on the host"], ["ACTIVE"]
        ),
        (["rescue": .null], ["run it from the other image"], ["ACTIVE"]),
        (["createImage": ["name": "snapshot"]], ["write the image on the host"], ["ACTIVE"]),
        // The old guest is gone then, so this is tried until it succeeds.
        (["rebuild": ["imageRef": "IMAGE"]], ["take the old guest away"], ["ACTIVE"]),
        (["rebuild": ["imageRef": "IMAGE"]], ["make the new guest"], ["ERROR"]),
    ]

    @Test func whateverFailsComesToRestAndLeavesNothing() async throws {
        let trap = Trap()
        try await RunningCloud.with(nodes: 2, fault: trap.meet) { cloud in
            let ground = try await Ordered(cloud)
            for deed in Self.deeds {
                for step in deed.steps {
                    for point in WorkflowRunner.FaultPoint.allCases {
                        let id = try await ground.boot()
                        trap.arm(step, point)
                        var body = deed.body
                        if body["rebuild"] != nil { body = ["rebuild": ["imageRef": .string(ground.image)]] }
                        let word = body.object?.names.first ?? ""
                        try await cloud.act(id, body, expects: word == "rescue" ? 200 : 202)
                        let server = try await cloud.atRest(id, after: { trap.isSprung })
                        let status = server["status"]?.string ?? ""
                        #expect(deed.rests.contains(status), "\(word), \(point) \"\(step)\": \(status)")
                        try await ground.expectNothingLeft(after: id, "\(word), \(point) \"\(step)\"")
                    }
                }
            }
            for step in ["make its volumes", "let its volumes be ready", "reserve its volumes", "build on the host"] {
                for point in WorkflowRunner.FaultPoint.allCases {
                    let other = try await ground.volume()
                    trap.arm(step, point)
                    let id = try await ground.bootFromVolume(beside: other)
                    _ = try await cloud.wait(for: "/compute/v2.1/servers/\(id)") { $1["server"]?["status"] == "ERROR" }
                    try await ground.expectNothingLeft(after: id, "\(point) \"\(step)\"")
                    try await ground.wait(forVolume: other, "available")
                    #expect(try await cloud.send("DELETE", "/volume/v3/volumes/\(other)").status == 202)
                }
            }
            _ = try await cloud.wait(for: "/volume/v3/volumes") { $1["volumes"]?.array?.isEmpty == true }
            let images = try await cloud.send("GET", "/image/v2/images?limit=100").json["images"]?.array
            #expect(images?.contains { $0["name"] == "snapshot" || $0["name"] == "guest-shelved" } == false)
        }
    }
}

/// A cloud with what a server needs.
struct Ordered {
    let cloud: RunningCloud
    let image: String
    let network: String

    init(_ cloud: RunningCloud) async throws {
        self.cloud = cloud
        for (name, memory) in [("small", 128), ("large", 256)] {
            let flavor: JSON = [
                "name": .string(name), "id": .string(name), "ram": JSON(memory), "vcpus": 1, "disk": 1,
            ]
            #expect(try await cloud.send("POST", "/compute/v2.1/flavors", ["flavor": flavor]).status == 200)
        }
        let wish: JSON = ["name": "guest image", "disk_format": "raw", "container_format": "bare"]
        let image = try await cloud.send("POST", "/image/v2/images", wish).json
        self.image = try #require(image["id"]?.string)
        let upload = try await cloud.send(
            "PUT", "/image/v2/images/\(self.image)/file", bytes: [UInt8](repeating: 7, count: 4_096))
        #expect(upload.status == 204)
        let network = try await cloud.send("POST", "/network/v2.0/networks", ["network": ["name": "net"]]).json
        self.network = try #require(network["network"]?["id"]?.string)
        let subnet: JSON = ["network_id": .string(self.network), "ip_version": 4, "cidr": "10.9.0.0/24"]
        #expect(try await cloud.send("POST", "/network/v2.0/subnets", ["subnet": subnet]).status == 201)
    }

    func boot() async throws -> String {
        let wish: JSON = [
            "name": "guest", "flavorRef": "small", "imageRef": .string(image),
            "networks": [["uuid": .string(network)]],
        ]
        let made = try await cloud.send("POST", "/compute/v2.1/servers", ["server": wish])
        #expect(made.status == 202)
        let id = try #require(made.json["server"]?["id"]?.string)
        try await cloud.rest(id, "ACTIVE")
        return id
    }

    func volume() async throws -> String {
        let made = try await cloud.send("POST", "/volume/v3/volumes", ["volume": ["size": 1]])
        let id = try #require(made.json["volume"]?["id"]?.string)
        try await wait(forVolume: id, "available")
        return id
    }

    func wait(forVolume id: String, _ status: String) async throws {
        _ = try await cloud.wait(for: "/volume/v3/volumes/\(id)") { $1["volume"]?["status"]?.string == status }
    }

    func bootFromVolume(beside other: String) async throws -> String {
        let root: JSON = [
            "source_type": "image", "uuid": .string(image), "destination_type": "volume", "volume_size": 1,
            "boot_index": 0, "delete_on_termination": true,
        ]
        let beside: JSON = [
            "source_type": "volume", "uuid": .string(other), "destination_type": "volume", "boot_index": 1,
        ]
        let wish: JSON = [
            "name": "guest", "flavorRef": "small", "networks": [["uuid": .string(network)]],
            "block_device_mapping_v2": [root, beside],
        ]
        let made = try await cloud.send("POST", "/compute/v2.1/servers", ["server": wish])
        #expect(made.status == 202, "\(made.json.text)")
        return try #require(made.json["server"]?["id"]?.string)
    }

    /// Deletes a server and looks for what it may have left.
    func expectNothingLeft(after id: String, _ what: String = "") async throws {
        #expect(try await cloud.send("DELETE", "/compute/v2.1/servers/\(id)").status == 204)
        _ = try await cloud.wait(for: "/compute/v2.1/servers/\(id)") { status, _ in status == 404 }
        let ports = try await cloud.send("GET", "/network/v2.0/ports?device_id=\(id)").json["ports"]
        #expect(ports?.array?.isEmpty == true, "\(what)")
        let providers = try await cloud.send("GET", "/placement/resource_providers").json["resource_providers"]
        for provider in providers?.array ?? [] {
            let path = "/placement/resource_providers/\(provider["uuid"]?.string ?? "")/allocations"
            let held = try await cloud.send("GET", path).json["allocations"]
            #expect(held?.object?.members.isEmpty == true, "\(what)")
        }
    }
}

extension RunningCloud {
    @discardableResult
    func act(_ id: String, _ body: JSON, expects status: Int? = nil) async throws -> JSON {
        let answer = try await send("POST", "/compute/v2.1/servers/\(id)/action", body, version: "2.100")
        let wanted = status ?? (body["confirmResize"] == nil ? 202 : 204)
        #expect(answer.status == wanted, "\(body.text): \(answer.json.text)")
        return answer.json
    }

    /// The server when it has come to a status, with nothing more being done with it.
    @discardableResult
    func rest(_ id: String, _ status: String) async throws -> JSON {
        let server = try await atRest(id)
        #expect(server["status"]?.string == status)
        return server
    }

    func atRest(_ id: String, after isSprung: @Sendable () -> Bool = { true }) async throws -> JSON {
        for _ in 0..<4_800 {
            let server = try await send("GET", "/compute/v2.1/servers/\(id)", version: "2.100").json["server"] ?? .null
            let isAtRest = server["OS-EXT-STS:task_state"]?.string == nil && server["status"] != "BUILD"
            if isAtRest, isSprung() { return server }
            try await Task.sleep(for: .milliseconds(25))
        }
        Issue.record("The server \(id) does not come to rest")
        return .null
    }
}
