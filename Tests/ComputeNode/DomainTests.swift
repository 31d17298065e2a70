import Base
import Testing

@testable import ComputeNode

@Suite struct DomainTests {
    private static let folder = GuestFolder(
        id: GuestID("3c5f7c3e-0000-4000-8000-000000000001"), path: "/g/3c5f7c3e-0000-4000-8000-000000000001")

    private func spec() -> GuestSpec {
        GuestSpec(
            id: DomainTests.folder.id, name: "a <b> & \"c\"\u{1}\n", vcpus: 2, memoryMB: 256,
            root: .image(path: "/i", format: .qcow2, sizeGB: 1))
    }

    private func domain(_ spec: GuestSpec, _ accelerator: Accelerator = .tcg, guards: [String] = []) throws -> XML {
        let domain = Domain(spec: spec, folder: DomainTests.folder, accelerator: accelerator, guards: guards)
        return try XML(reading: domain.xml.text)
    }

    @Test func whatIsWrittenIsReadAsItWas() throws {
        let text = "<a b=\"1 &amp; 2\"><c/><d>x &lt; y&#10;</d></a>"
        #expect(try XML(reading: text).text == text)
        let loose =
            "<?xml version='1.0'?>\n<!-- no -->\n<a b='1 &amp; 2'>\n  <c/><!-- no -->\n  <d>x &lt; y&#x0a;</d>\n</a>"
        #expect(try XML(reading: loose).text == text)
        for broken in ["", "a", "<a", "<a>", "<a b>", "<a b=1>", "<a><b></a>", String(repeating: "<a>", count: 99)] {
            #expect(throws: Failure.self) { try XML(reading: broken) }
        }
    }

    @Test func aServersNameCannotBreakItsDefinition() throws {
        let domain = try domain(spec())
        #expect(domain.child("title")?.words == "a <b> & \"c\"")
        #expect(domain.child("name")?.words == DomainTests.folder.id.text)
    }

    @Test func onlyWhatIsProvenAcceleratesGuests() throws {
        #expect(try domain(spec())["type"] == "qemu")
        #expect(try domain(spec()).child("cpu")?.child("model")?.words == "qemu64")
        #expect(try domain(spec(), .kvm)["type"] == "kvm")
        #expect(try domain(spec(), .kvm).child("cpu")?["mode"] == "host-passthrough")
    }

    @Test func disksAreNamedInTheOrderInWhichTheGuestFindsThem() throws {
        var spec = spec()
        spec.ephemeralGB = [1]
        spec.swapMB = 1
        spec.disks = [
            DiskSpec(id: "v1", place: .file(path: "/v1", format: .raw)),
            DiskSpec(id: "v2", place: .url("nbd+unix:///v2?socket=/s"), bus: .scsi),
            DiskSpec(id: "v3", place: .url("nbd://[::1]:10810/v3"), isReadOnly: true),
        ]
        spec.configDrive = "/c"
        let devices = try #require(domain(spec).child("devices"))
        let disks = devices.all("disk")
        #expect(disks.map { $0.child("target")?["dev"] } == ["vda", "vdb", "vdc", "vdd", "sda", "vde", "hda"])
        #expect(disks[4].child("source")?.child("host")?["socket"] == "/s")
        #expect(disks[5].child("source")?.child("host")?["name"] == "::1" && disks[5].child("readonly") != nil)
        #expect(devices.all("controller").contains { $0["model"] == "virtio-scsi" })
        var names = DiskNames(takenIn: disks)
        #expect(names.next(.virtio) == "vdf")
        #expect([0, 25, 26, 27, 701, 702].map(DiskNames.letters) == ["a", "z", "aa", "ab", "zz", "aaa"])
    }

    @Test func portsArePluggedIntoWhatTheNetworkHasMade() throws {
        var spec = spec()
        spec.nics = [NICSpec(id: "p", mac: "fa:16:3e:00:00:07", tap: "tapp", mtu: 1_450), NICSpec(id: "q", mac: "m")]
        let nics = try #require(domain(spec).child("devices")).all("interface")
        #expect(nics[0]["type"] == "ethernet" && nics[0].child("target")?["managed"] == "no")
        #expect(nics[0].child("target")?["dev"] == "tapp" && nics[0].child("mtu")?["size"] == "1450")
        #expect(nics[1].child("link")?["state"] == "down")
    }

    @Test func guestsRunAsWhoeverRunsTheNode() throws {
        let labels = try domain(spec(), guards: ["apparmor", "dac"]).all("seclabel")
        #expect(labels.map { $0["type"] } == ["none", "static"])
        #expect(labels[1]["relabel"] == "no")
    }

    @Test func aUserOfCephThatLibvirtCannotHaveIsRefused() {
        let disk = DiskSpec(id: "v", place: .url("rbd:pool/image:id=me"))
        #expect(throws: Failure.self) { try Domain.check(disk) }
    }
}
