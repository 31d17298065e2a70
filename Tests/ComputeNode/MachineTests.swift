import Base
import Foundation
import Glibc
import Testing

@testable import ComputeNode

@Suite struct MachineTests {
    private func arguments(_ spec: GuestSpec) -> [String] {
        let folder = GuestFolder(id: spec.id, path: "/var/lib/a,b/servers/\(spec.id)")
        return Machine(spec: spec, folder: folder, accelerator: .tcg).arguments(incoming: false)
    }

    private var drives: [Drive] {
        let spec = GuestSpecTests.whole
        return Machine(spec: spec, folder: GuestFolder(id: spec.id, path: "/g"), accelerator: .tcg).drives
    }

    @Test func nothingThatUsersWriteStandsInTheCommand() {
        var spec = GuestSpecTests.whole
        spec.name = "evil,debug-threads=on"
        spec.metadata = ["evil": "evil"]
        #expect(!arguments(spec).contains { $0.contains("evil") })
    }

    @Test func aCommaInAPathEndsNoOption() {
        let words = arguments(GuestSpecTests.whole)
        #expect(words.contains { $0.hasPrefix("socket,id=qmp,path=/var/lib/a,,b/servers/3b2f/qmp,server=on") })
    }

    @Test func disksComeInTheOrderInWhichTheGuestNamesThem() {
        let names = drives.map { $0.node["node-name"]?.string }
        #expect(names == ["root", "ephemeral0", "ephemeral1", "swap", "d-v1", "d-v2", "config"])
        #expect(drives[0].device["bootindex"] == 1)
        #expect(drives[4].node["read-only"] == true)
    }

    @Test func aControllerIsThereForWhatNeedsOne() {
        #expect(arguments(GuestSpecTests.whole).contains(Drive.controller.text))
        var spec = GuestSpecTests.whole
        spec.disks = []
        #expect(!arguments(spec).contains(Drive.controller.text))
    }

    @Test func whatIsPluggedInIsSaidAsAtTheStart() {
        let words = arguments(GuestSpecTests.whole)
        let plug = Plug(GuestSpecTests.whole.nics[0])
        #expect(words.contains(plug.device.text))
        #expect(words.contains(plug.end?.text ?? ""))
        #expect(plug.end?["ifname"] == "tap1")
        #expect(Plug(GuestSpecTests.whole.nics[1]).end == nil)
    }

    private func place(_ url: String) -> JSON? { Drive(DiskSpec(id: "d", place: .url(url))).node["file"] }

    @Test func disksAcrossTheNetworkAreFound() {
        let tcp = place("nbd://10.0.0.1:10900/v2")
        #expect(tcp?["export"] == "v2")
        #expect(tcp?["server"] == ["type": "inet", "host": "10.0.0.1", "port": "10900"])
        #expect(place("nbd://[fd00::1]/v")?["server"] == ["type": "inet", "host": "fd00::1", "port": "10809"])
        let unix = place("nbd+unix:///v3?socket=/run/nbd.sock")
        #expect(unix?["export"] == "v3")
        #expect(unix?["server"] == ["type": "unix", "path": "/run/nbd.sock"])
        let rbd: JSON = ["driver": "rbd", "pool": "volumes", "image": "v", "user": "cinder", "conf": "/etc/ceph.conf"]
        #expect(place("rbd:volumes/v:id=cinder:conf=/etc/ceph.conf") == rbd)
    }

    @Test func namesOfNodesAreShortAndTheirOwn() {
        let first = Drive.nodeName("11111111-aaaa-bbbb-cccc-000000000001")
        #expect(first != Drive.nodeName("11111111-aaaa-bbbb-cccc-000000000002"))
        #expect(Drive.nodeName("ffffffff-ffff-ffff-ffff-ffffffffffff").utf8.count <= 31)
    }

    @Test func aVersionIsANumber() {
        #expect(QEMUHypervisor.version(in: "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg)") == 7_002_022)
        #expect(QEMUHypervisor.version(in: "QEMU emulator version 10.0") == 10_000_000)
    }

    @Test func aLongConsoleLogLosesItsBeginningOnly() async throws {
        try await withFolder { folder in
            let path = folder + "/console.log"
            let line = [UInt8](repeating: UInt8(ascii: "x"), count: 4 << 20)
            try LocalFiles.create(path, pieces: [(0, line), (Int64(line.count), Array("the end".utf8))])
            ConsoleLogs.trim(path)
            var status = stat()
            stat(path, &status)
            #expect(status.st_blocks * 512 <= 2 << 20)
            #expect(try Files.read(path).suffix(7).elementsEqual("the end".utf8))
        }
    }
}
