import Base
import Glibc

/// A guest in libvirt's words: the whole of it for its definition, and a part for what is plugged in.
struct Domain {
    let spec: GuestSpec
    let folder: GuestFolder
    let accelerator: Accelerator
    /// How the node keeps guests apart from one another and from itself.
    let guards: [String]

    private static let user = "+\(geteuid()):+\(getegid())"

    /// What libvirt cannot do is said before anything is made.
    static func check(_ disk: DiskSpec) throws(Failure) {
        guard case .url(let url) = disk.place, url.hasPrefix("rbd:"), url.contains(":id=") else { return }
        throw Failure(
            .notImplemented,
            "libvirt takes a user of Ceph only with a secret that it keeps itself, and has none for it.")
    }

    /// libvirt lets names be given to devices if they begin so.
    static func alias(disk: String) -> String { "ua-disk-" + disk }
    static func alias(nic: String) -> String { "ua-nic-" + nic }

    var xml: XML {
        XML(
            "domain", ["type": accelerator == .kvm ? "kvm" : "qemu"],
            [
                XML("name", words: spec.id.text), XML("uuid", words: spec.id.text), title,
                XML("metadata", [note]),
                XML("memory", ["unit": "MiB"], words: String(spec.memoryMB)), XML("vcpu", words: String(spec.vcpus)),
                XML("os", [XML("type", ["arch": "x86_64", "machine": "pc"], words: "hvm")] + kernel),
                XML("features", ["acpi", "apic", translations]), processor,
                XML("on_poweroff", words: "destroy"), XML("on_reboot", words: "restart"),
                XML("on_crash", words: "destroy"), XML("devices", devices),
            ] + labels)
    }

    // MARK: What it is

    /// As people know it; libvirt takes a title of one line.
    private var title: XML? {
        let line = spec.name.filter { !$0.isNewline }
        return line.isEmpty ? nil : XML("title", words: line)
    }

    private var note: XML {
        XML(
            "martlet:server", ["xmlns:martlet": "https://martlet.cloud/libvirt/1"],
            spec.metadata.sorted { $0.key < $1.key }.map { XML("martlet:" + $0.key, words: $0.value) })
    }

    private var kernel: [XML?] {
        guard let kernel = spec.kernel else { return [] }
        return [
            XML("kernel", words: kernel.kernel), kernel.ramdisk.map { XML("initrd", words: $0) },
            XML("cmdline", words: kernel.commandLine),
        ]
    }

    private var translations: XML? {
        guard accelerator == .tcg else { return nil }
        return XML("tcg", [XML("tb-cache", ["unit": "MiB"], words: String(Accelerator.translationsMB))])
    }

    private var processor: XML {
        guard accelerator == .tcg else { return XML("cpu", ["mode": "host-passthrough"]) }
        return XML(
            "cpu", ["mode": "custom", "match": "exact", "check": "none"],
            [XML("model", ["fallback": "forbid"], words: accelerator.cpu)])
    }

    /// Guests run as whoever runs the node: disks, sockets and logs lie in folders of that user's alone.
    private var labels: [XML?] {
        guards.map { model in
            guard model == "dac" else { return XML("seclabel", ["type": "none", "model": model]) }
            return XML(
                "seclabel", ["type": "static", "model": "dac", "relabel": "no"], [XML("label", words: Domain.user)])
        }
    }

    // MARK: What it has

    private var devices: [XML?] {
        let none: [XML?] = [
            XML("emulator", words: "/usr/bin/qemu-system-x86_64"), XML("controller", ["type": "usb", "model": "none"]),
        ]
        let talk: [XML?] = [
            XML(
                "serial", ["type": "unix"],
                [
                    XML("source", ["mode": "bind", "path": folder.console]),
                    XML("log", ["file": folder.consoleLog, "append": "on"]), XML("target", ["port": "0"]),
                ]),
            XML(
                "channel", ["type": "unix"],
                [
                    XML("source", ["mode": "bind", "path": folder.agent]),
                    XML("target", ["type": "virtio", "name": "org.qemu.guest_agent.0"]),
                ]),
            XML("graphics", ["type": "vnc", "socket": folder.screen]),
            XML("video", [XML("model", ["type": "vga"])]),
            XML("memballoon", ["model": "virtio"]),
            XML("rng", ["model": "virtio"], [XML("backend", ["model": "random"], words: "/dev/urandom")]),
        ]
        return none + disks + spec.nics.map { Domain.nic($0) } + talk
    }

    /// In the order in which the guest names them.
    private var disks: [XML?] {
        var names = DiskNames()
        var disks: [XML?] = []
        switch spec.root {
        case .image: disks.append(own("root", folder.root, .qcow2, names.next(.virtio), isFirst: true))
        case .volume(let disk):
            disks.append(Domain.disk(disk, as: names.next(disk.bus), isFirst: true))
        }
        for index in spec.ephemeralGB.indices {
            disks.append(own("ephemeral\(index)", folder.ephemeral(index), .raw, names.next(.virtio)))
        }
        if spec.swapMB > 0 { disks.append(own("swap", folder.swap, .raw, names.next(.virtio))) }
        disks += spec.disks.map { Domain.disk($0, as: names.next($0.bus)) }
        if spec.configDrive != nil { disks.append(compactDisc(names.next(.ide))) }
        let usesSCSI = spec.disks.contains { $0.bus == .scsi } || spec.rootBus == .scsi
        return (usesSCSI ? [Domain.controller] : []) + disks
    }

    private func own(
        _ name: String, _ path: String, _ format: DiskFormat, _ device: String, isFirst: Bool = false
    ) -> XML {
        let disk = DiskSpec(id: name, place: .file(path: path, format: format), serial: "")
        return Domain.disk(disk, as: device, isFirst: isFirst)
    }

    private func compactDisc(_ device: String) -> XML {
        XML(
            "disk", ["type": "file", "device": "cdrom"],
            [
                XML("driver", ["name": "qemu", "type": "raw"]), XML("source", ["file": folder.configDrive]),
                XML("target", ["dev": device, "bus": "ide"]), "readonly",
                XML("alias", ["name": Domain.alias(disk: "config")]),
            ])
    }

    // MARK: Parts

    static let controller = XML("controller", ["type": "scsi", "index": "0", "model": "virtio-scsi"])

    static func disk(_ disk: DiskSpec, as device: String, isFirst: Bool = false) -> XML {
        let source: XML
        let format: DiskFormat
        switch disk.place {
        case .file(let path, let known): (source, format) = (XML("source", ["file": path]), known)
        case .url(let url): (source, format) = (Domain.source(url), .raw)
        }
        return XML(
            "disk", ["type": source["protocol"] == nil ? "file" : "network", "device": "disk"],
            [
                XML("driver", ["name": "qemu", "type": format.driver, "discard": "unmap"]), source,
                XML("target", ["dev": device, "bus": disk.bus.rawValue]), disk.isReadOnly ? "readonly" : nil,
                // Virtio has room for twenty characters.
                disk.serial.isEmpty ? nil : XML("serial", words: String(disk.serial.prefix(20))),
                isFirst ? XML("boot", ["order": "1"]) : nil, XML("alias", ["name": alias(disk: disk.id)]),
            ])
    }

    /// A device that somebody else has made leads out; without one the cable is pulled.
    static func nic(_ nic: NICSpec) -> XML {
        XML(
            "interface", ["type": nic.tap == nil ? "user" : "ethernet"],
            [
                XML("mac", ["address": nic.mac]), nic.tap.map { XML("target", ["dev": $0, "managed": "no"]) },
                nic.tap == nil ? XML("link", ["state": "down"]) : nil, XML("model", ["type": "virtio"]),
                nic.tap == nil ? nil : nic.mtu.map { XML("mtu", ["size": String($0)]) },
                // No boot from the network.
                XML("rom", ["enabled": "no"]), XML("alias", ["name": alias(nic: nic.id)]),
            ])
    }

    // MARK: Disks across the network

    private static func source(_ url: String) -> XML {
        let place = Drive.place(url)
        if place["driver"] == "rbd" {
            let name = (place["pool"]?.string ?? "") + "/" + (place["image"]?.string ?? "")
            let file = place["conf"]?.string.map { XML("config", ["file": $0]) }
            return XML("source", ["protocol": "rbd", "name": name], [file])
        }
        let server = place["server"]
        var host = XML("host")
        if let path = server?["path"]?.string {
            host.attributes = ["transport": "unix", "socket": path]
        } else {
            host.attributes = ["name": server?["host"]?.string ?? "", "port": server?["port"]?.string ?? ""]
        }
        return XML(
            "source", ["protocol": "nbd", "name": place["export"]?.string ?? ""],
            [host, XML("reconnect", ["delay": String(Drive.reconnectSeconds)])])
    }
}

extension GuestSpec {
    fileprivate var rootBus: DiskSpec.Bus? {
        guard case .volume(let disk) = root else { return nil }
        return disk.bus
    }
}

/// What libvirt calls disks: by bus and letter, each once in a guest.
struct DiskNames {
    private var taken: Set<String> = []

    init(takenIn disks: [XML] = []) {
        taken = Set(disks.compactMap { $0.child("target")?["dev"] })
    }

    mutating func next(_ bus: DiskSpec.Bus) -> String {
        let stem =
            switch bus {
            case .virtio: "vd"
            case .scsi: "sd"
            case .ide: "hd"
            }
        var number = 0
        while taken.contains(stem + DiskNames.letters(number)) { number += 1 }
        let name = stem + DiskNames.letters(number)
        taken.insert(name)
        return name
    }

    /// a to z, aa, ab and so on.
    static func letters(_ number: Int) -> String {
        let last = String(UnicodeScalar(UInt8(ascii: "a") + UInt8(number % 26)))
        return number < 26 ? last : letters(number / 26 - 1) + last
    }
}
