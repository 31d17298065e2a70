import Base
import VolumeNode

/// What holds the volumes of a node: files, unless its guests are simulated and read no block of them. Simulated clouds
/// have two backends, so that there is somewhere to move a volume to.
enum VolumeDrivers {
    static func make(_ settings: CloudSettings) throws(Failure) -> [any VolumeDriver] {
        let further = settings.volumeBackends
        var drivers: [any VolumeDriver] = []
        switch settings.hypervisor.resolved {
        case .qemu, .libvirt:
            drivers.append(try FileDriver(folder: settings.data.volumes, address: settings.host))
            for (name, folder) in further {
                drivers.append(try FileDriver(name, folder: folder, address: settings.host))
            }
        case .auto, .simulated:
            drivers.append(try SimulatedDriver(folder: settings.data.volumes + "/simulated"))
            drivers.append(try SimulatedDriver("simulated-2", folder: settings.data.volumes + "/simulated-2"))
            for (name, folder) in further { drivers.append(try SimulatedDriver(name, folder: folder)) }
        }
        return drivers
    }
}
