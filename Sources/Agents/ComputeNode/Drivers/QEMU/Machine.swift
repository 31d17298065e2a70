import Base

/// A guest in QEMU's words: what is said at its start, and what is said when something is plugged in, from one source.
struct Machine {
    let spec: GuestSpec
    let folder: GuestFolder
    let accelerator: Accelerator

    /// - Parameter incoming: waits for a memory that was saved instead of starting from nothing.
    func arguments(incoming: Bool) -> [String] {
        var words = [
            "-name", spec.id.text, "-uuid", spec.id.text, "-M", "pc", "-cpu", accelerator.cpu, "-accel",
            accelerator.argument,
            "-m", String(spec.memoryMB), "-smp", String(spec.vcpus), "-nodefaults", "-no-user-config",
            // A guest that shuts down leaves its process, which tells even a driver that comes later that it was no crash.
            "-no-shutdown", "-daemonize", "-pidfile", folder.pid,
            "-sandbox", "on,obsolete=deny,resourcecontrol=deny",
            "-vga", "std", "-vnc", "unix:" + Machine.escaped(folder.screen),
        ]
        words += socket("qmp", folder.commands) + ["-mon", "chardev=qmp,mode=control"]
        words += socket("events", folder.events) + ["-mon", "chardev=events,mode=control"]
        words += socket("console", folder.console, more: ",logappend=on,logfile=" + Machine.escaped(folder.consoleLog))
        words += ["-serial", "chardev:console", "-device", "virtio-serial-pci"] + socket("agent", folder.agent)
        words += ["-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0"]
        words += ["-object", "rng-random,id=rng,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=rng"]
        words += ["-device", "virtio-balloon-pci,id=balloon"]
        if drives.contains(where: { $0.device["bus"]?.string == Drive.controllerBus }) {
            words += ["-device", Drive.controller.text]
        }
        for drive in drives { words += ["-blockdev", drive.node.text, "-device", drive.device.text] }
        for nic in spec.nics {
            let plug = Plug(nic)
            if let end = plug.end { words += ["-netdev", end.text] }
            words += ["-device", plug.device.text]
        }
        if let kernel = spec.kernel {
            words += ["-kernel", kernel.kernel, "-append", kernel.commandLine]
            if let ramdisk = kernel.ramdisk { words += ["-initrd", ramdisk] }
        }
        return incoming ? words + ["-incoming", "defer"] : words
    }

    /// In the order in which the guest names them.
    var drives: [Drive] {
        var drives: [Drive] = []
        switch spec.root {
        case .image:
            drives.append(Drive(own: "root", path: folder.root, format: .qcow2, bootIndex: 1))
        case .volume(let disk): drives.append(Drive(disk, bootIndex: 1))
        }
        for index in spec.ephemeralGB.indices {
            drives.append(Drive(own: "ephemeral\(index)", path: folder.ephemeral(index), format: .raw))
        }
        if spec.swapMB > 0 { drives.append(Drive(own: "swap", path: folder.swap, format: .raw)) }
        drives += spec.disks.map { Drive($0) }
        if spec.configDrive != nil { drives.append(Drive(compactDisc: "config", path: folder.configDrive)) }
        return drives
    }

    private func socket(_ id: String, _ path: String, more: String = "") -> [String] {
        ["-chardev", "socket,id=\(id),path=\(Machine.escaped(path)),server=on,wait=off\(more)"]
    }

    /// In options that are lists, a comma is said twice.
    static func escaped(_ text: String) -> String {
        text.split(separator: ",", omittingEmptySubsequences: false).joined(separator: ",,")
    }
}

/// A network interface and where it leads.
struct Plug {
    static func deviceID(_ port: String) -> String { "nic-" + port }
    static func endID(_ port: String) -> String { "net-" + port }

    let end: JSON?
    let device: JSON

    init(_ nic: NICSpec) {
        var device = JSON.Object()
        device["driver"] = "virtio-net-pci"
        device["id"] = .string(Plug.deviceID(nic.id))
        device["mac"] = .string(nic.mac)
        // No boot from the network.
        device["romfile"] = ""
        if let mtu = nic.mtu { device["host_mtu"] = JSON(mtu) }
        if let tap = nic.tap {
            device["netdev"] = .string(Plug.endID(nic.id))
            end = [
                "type": "tap", "id": .string(Plug.endID(nic.id)), "ifname": .string(tap), "script": "no",
                "downscript": "no",
            ]
        } else {
            end = nil
        }
        self.device = .object(device)
    }
}
