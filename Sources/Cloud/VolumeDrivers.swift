import Base
import VolumeNode

/// What holds the volumes of a node: files, unless its guests are simulated and read no block of them.
enum VolumeDrivers {
    static func make(_ settings: CloudSettings) throws(Failure) -> any VolumeDriver {
        switch settings.hypervisor.resolved {
        case .qemu, .libvirt: try FileDriver(folder: settings.data.volumes, address: settings.host)
        case .auto, .simulated: try SimulatedDriver(folder: settings.data.volumes + "/simulated")
        }
    }
}
