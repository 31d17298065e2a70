import Base
import Testing

@testable import ComputeNode

@Suite struct GuestSpecTests {
    @Test(arguments: [(0, ""), (1, ""), (2, "c\r\n"), (3, "b\r\nc\r\n"), (9, "a\r\nb\r\nc\r\n")])
    func aConsolesLastLinesAreCountedAsASerialPortEndsThem(count: Int, text: String) {
        #expect(ComputeNode.last(count, linesOf: Array("a\r\nb\r\nc\r\n".utf8)) == text)
    }

    static let whole: GuestSpec = {
        var spec = GuestSpec(
            id: GuestID("3b2f"), name: "web", vcpus: 2, memoryMB: 512,
            root: .image(path: "/images/a", format: .qcow2, sizeGB: 10))
        spec.ephemeralGB = [1, 2]
        spec.swapMB = 64
        spec.disks = [
            DiskSpec(id: "v1", place: .file(path: "/volumes/v1", format: .raw), isReadOnly: true),
            DiskSpec(id: "v2", place: .url("nbd://10.0.0.1:10809/v2"), bus: .scsi, serial: "s"),
        ]
        spec.nics = [
            NICSpec(id: "p1", mac: "fa:16:3e:00:00:01", tap: "tap1", mtu: 1450), NICSpec(id: "p2", mac: "x"),
        ]
        spec.configDrive = "/tmp/config.iso"
        spec.kernel = DirectKernel(kernel: "/k", ramdisk: "/r", commandLine: "quiet")
        spec.metadata = ["project": "p", "user": "u"]
        return spec
    }()

    @Test func whatIsSpecifiedArrivesWhole() throws {
        let read = try GuestSpec(JSONReader.read(GuestSpecTests.whole.json.text))
        #expect(read == GuestSpecTests.whole)
    }

    @Test func aVolumeMayBeTheRoot() throws {
        var spec = GuestSpecTests.whole
        spec.root = .volume(DiskSpec(id: "v", place: .url("rbd:volumes/v")))
        #expect(try GuestSpec(JSONReader.read(spec.json.text)) == spec)
    }

    @Test func reportsAndEventsArriveWhole() throws {
        for power in PowerState.allCases {
            let report = GuestReport(id: GuestID("g"), power: power, spec: GuestSpecTests.whole)
            #expect(try GuestReport(JSONReader.read(report.json.text)) == report)
            let event = GuestEvent(id: GuestID("g"), power: power)
            #expect(try GuestEvent(JSONReader.read(event.json.text)) == event)
        }
        let gone = GuestEvent(id: GuestID("g"), power: nil)
        #expect(try GuestEvent(JSONReader.read(gone.json.text)) == gone)
    }
}
