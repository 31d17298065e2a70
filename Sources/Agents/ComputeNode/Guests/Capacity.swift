package import Base

/// What a node has for its guests: the whole of it, before anything is reserved or promised.
package struct Capacity: JSONCoded, Hashable {
    package var host: String
    package var vcpus: Int
    package var memoryMB: Int
    /// Of the file system that holds the guests' disks.
    package var diskGB: Int
    package var freeDiskGB: Int
    /// As OpenStack names it: `QEMU`, `simulated`.
    package var hypervisor: String
    /// Major, minor and patch as one number: 7.2.22 is 7002022.
    package var version: Int
    package var cpu: CPU
    /// Whether guests run on the processor itself, or are emulated.
    package var isAccelerated: Bool

    package struct CPU: JSONCoded, Hashable {
        package var architecture: String
        package var model: String
        package var vendor: String
        package var features: [String]
        package var sockets: Int
        package var cores: Int
        package var threads: Int

        package init(
            architecture: String, model: String, vendor: String, features: [String] = [], sockets: Int = 1, cores: Int,
            threads: Int = 1
        ) {
            self.architecture = architecture
            self.model = model
            self.vendor = vendor
            self.features = features
            self.sockets = sockets
            self.cores = cores
            self.threads = threads
        }

        package init(_ json: JSON) throws(Failure) {
            architecture = try json.text("arch")
            model = try json.text("model")
            vendor = try json.text("vendor")
            features = (json["features"]?.array ?? []).compactMap(\.string)
            let topology = try json.member("topology")
            sockets = try topology.number("sockets")
            cores = try topology.number("cores")
            threads = try topology.number("threads")
        }

        /// As the compute API shows it.
        package var json: JSON {
            [
                "arch": .string(architecture), "model": .string(model), "vendor": .string(vendor),
                "features": JSON(features),
                "topology": ["sockets": JSON(sockets), "cores": JSON(cores), "threads": JSON(threads)],
            ]
        }
    }

    package init(
        host: String, vcpus: Int, memoryMB: Int, diskGB: Int, freeDiskGB: Int, hypervisor: String, version: Int,
        cpu: CPU, isAccelerated: Bool
    ) {
        self.host = host
        self.vcpus = vcpus
        self.memoryMB = memoryMB
        self.diskGB = diskGB
        self.freeDiskGB = freeDiskGB
        self.hypervisor = hypervisor
        self.version = version
        self.cpu = cpu
        self.isAccelerated = isAccelerated
    }

    package init(_ json: JSON) throws(Failure) {
        host = try json.text("host")
        vcpus = try json.number("vcpus")
        memoryMB = try json.number("memory_mb")
        diskGB = try json.number("disk_gb")
        freeDiskGB = try json.number("free_disk_gb")
        hypervisor = try json.text("hypervisor")
        version = try json.number("version")
        cpu = try CPU(json.member("cpu"))
        isAccelerated = try json.flag("accelerated")
    }

    package var json: JSON {
        [
            "host": .string(host), "vcpus": JSON(vcpus), "memory_mb": JSON(memoryMB), "disk_gb": JSON(diskGB),
            "free_disk_gb": JSON(freeDiskGB), "hypervisor": .string(hypervisor), "version": JSON(version),
            "cpu": cpu.json, "accelerated": .bool(isAccelerated),
        ]
    }
}
