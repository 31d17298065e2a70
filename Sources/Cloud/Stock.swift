import API
import Base
import Glibc
import HTTP
import IO
import Synchronization

/// What a new cloud has on its shelves, so that the first server is one command away: sizes, an image to start from, and
/// a network for the first project. It is asked for over the API like anything else.
struct Stock: Sendable {
    let respond: @Sendable (HTTPRequest) async -> HTTPResponse
    let token: String

    private struct Size {
        let name: String
        let vcpus: Int
        let memory: Int
        let disk: Int
    }

    private static let sizes = [
        Size(name: "m1.nano", vcpus: 1, memory: 128, disk: 1), Size(name: "m1.micro", vcpus: 1, memory: 256, disk: 1),
        Size(name: "m1.tiny", vcpus: 1, memory: 512, disk: 1),
        Size(name: "m1.small", vcpus: 1, memory: 2_048, disk: 20),
        Size(name: "m1.medium", vcpus: 2, memory: 4_096, disk: 40),
        Size(name: "m1.large", vcpus: 4, memory: 8_192, disk: 80),
        Size(name: "m1.xlarge", vcpus: 8, memory: 16_384, disk: 160),
    ]

    /// - Parameter image: a disk's file; nil where there is none.
    func fill(image: String?, progress: Care.Progress, hasPublicNetwork: Bool) async throws(Failure) {
        for size in Stock.sizes {
            let flavor: JSON = [
                "name": .string(size.name), "vcpus": JSON(size.vcpus), "ram": JSON(size.memory),
                "disk": JSON(size.disk),
            ]
            _ = try await ask("POST", "/compute/v2.1/flavors", ["flavor": flavor])
        }
        if let image {
            progress("image    \(image)")
            try await put(image)
        }
        try await makeNetwork(hasPublicNetwork)
    }

    private func put(_ file: String) async throws(Failure) {
        let made = try await ask(
            "POST", "/image/v2/images",
            [
                "name": "martlet-guest", "disk_format": "qcow2", "container_format": "bare", "visibility": "public",
                "min_ram": 128, "hw_rng_model": "virtio", "os_distro": "debian",
            ])
        let request = HTTPRequest(
            "PUT", "/image/v2/images/\(try made.text("id"))/file", headers: headers("application/octet-stream"),
            body: try Stock.body(file))
        let response = await respond(request)
        guard response.status < 300 else { throw .unavailable("The image \(file) could not be stored.") }
    }

    /// Never more than a piece of it in memory.
    private static func body(_ file: String) throws(Failure) -> HTTPBody {
        let whole = try FileSlice(path: file)
        let place = Mutex(0)
        return HTTPBody(length: whole.length) { () throws(Failure) in
            let piece = place.withLock { place in
                defer { place = min(place + 1 << 20, whole.length) }
                return place..<min(place + 1 << 20, whole.length)
            }
            return piece.isEmpty ? nil : try whole.read(piece)
        }
    }

    private func makeNetwork(_ hasPublicNetwork: Bool) async throws(Failure) {
        let projects = try await ask("GET", "/identity/v3/projects?name=demo")
        guard let project = projects["projects"]?.array?.first?["id"] else { return }
        let network = try await ask(
            "POST", "/network/v2.0/networks", ["network": ["name": "private", "project_id": project]])
        let subnet = try await ask(
            "POST", "/network/v2.0/subnets",
            [
                "subnet": [
                    "name": "private-subnet", "project_id": project, "network_id": network["network"]?["id"] ?? .null,
                    "ip_version": 4, "cidr": "10.64.0.0/24",
                ]
            ])
        var router: JSON.Object = JSON.Object()
        router["name"] = "private-router"
        router["project_id"] = project
        if hasPublicNetwork {
            let found = try await ask("GET", "/network/v2.0/networks?name=public&router:external=True")
            if let id = found["networks"]?.array?.first?["id"] { router["external_gateway_info"] = ["network_id": id] }
        }
        let made = try await ask("POST", "/network/v2.0/routers", ["router": .object(router)])
        _ = try await ask(
            "PUT", "/network/v2.0/routers/\(try made.member("router").text("id"))/add_router_interface",
            ["subnet_id": subnet["subnet"]?["id"] ?? .null])
    }

    private func headers(_ type: String) -> HTTPHeaders { ["X-Auth-Token": token, "Content-Type": type] }

    private func ask(_ method: String, _ path: String, _ body: JSON? = nil) async throws(Failure) -> JSON {
        let content = body.map { HTTPBody($0.text) } ?? .empty
        let response = await respond(HTTPRequest(method, path, headers: headers("application/json"), body: content))
        let bytes = try await response.collect(limit: 1 << 20)
        guard response.status < 300 else {
            throw .unavailable("\(method) \(path) was answered with \(String(decoding: bytes, as: UTF8.self)).")
        }
        return bytes.isEmpty ? .null : try JSONReader.read(bytes)
    }
}

extension CloudSettings {
    /// The guest that `Guest/make-guest` makes, where it puts it.
    static var usualImage: String? {
        let variable = { (name: String) in getenv(name).map { String(cString: $0) } }
        let cache = variable("XDG_CACHE_HOME") ?? (variable("HOME") ?? "") + "/.cache"
        let places = [cache + "/martlet/guest/guest.qcow2", "/usr/share/martlet/guest.qcow2"]
        return places.first { Files.exists($0) }
    }
}
