package import Base
import Config
package import Identity

/// How a cloud on one machine is to be: what the command line and the environment say.
package struct CloudSettings: Sendable {
    package var data: DataDirectory
    package var listen = "127.0.0.1"
    /// One port for everything, instead of each service's own beside the gateway's.
    package var port: Int?
    package var adminPassword: String?
    package var region = "RegionOne"
    package var identity = IdentitySettings()

    package init(data: DataDirectory = .usual) { self.data = data }

    /// With what the environment says.
    package static func fromEnvironment(data: DataDirectory) throws(Failure) -> CloudSettings {
        let configuration = try DeclaredSettings.configuration()
        var settings = CloudSettings(data: data)
        settings.adminPassword = configuration[DeclaredSettings.adminPassword]
        settings.identity = IdentitySettings(configuration)
        return settings
    }

    /// The port behind which all services stand, told apart by path.
    package static let gatewayPort = 8088

    package var gateway: Int { port ?? CloudSettings.gatewayPort }

    /// Where people reach it: an address that listens everywhere is none to connect to.
    package var host: String {
        switch listen {
        case "0.0.0.0": "127.0.0.1"
        case "::": "[::1]"
        default: listen.contains(":") ? "[\(listen)]" : listen
        }
    }

    package func url(of service: String) -> String { "http://\(host):\(gateway)/\(service)" }
}
