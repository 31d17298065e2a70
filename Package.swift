// swift-tools-version: 6.2
import PackageDescription

/// What every module is compiled with: the language as it will be, so that nothing has to be changed later.
let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

/// A module of the program. Its folder follows from its room; what it may import is what stands beside it.
func module(_ room: String, _ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, path: "Sources/\(room)\(name)", swiftSettings: settings)
}

func kernel(_ name: String, _ dependencies: Target.Dependency...) -> Target { module("Kernel/", name, dependencies) }

/// A service stands on the kernel and on nothing beside it.
func service(_ name: String, _ more: Target.Dependency...) -> Target {
    module("Services/", name, ["API", "Base", "HTTP", "Policy", "SQL"] + more)
}

/// What runs on a node stands on the kernel too, and knows no service.
func agent(_ name: String, _ more: Target.Dependency...) -> Target {
    module("Agents/", name, ["Base", "IO", "Programs", "Trace"] + more)
}

func tests(_ name: String, _ dependencies: Target.Dependency...) -> Target {
    .testTarget(name: name + "Tests", dependencies: dependencies, path: "Tests/\(name)", swiftSettings: settings)
}

/// A C library of Debian's, by the folder of its module map.
func library(_ name: String) -> Target { .systemLibrary(name: name, path: "Sources/C/\(name)") }

/// A little C of our own, for what Swift cannot import: macros, variadic and GNU functions.
func shims(_ name: String, linking libraries: String...) -> Target {
    .target(name: name, path: "Sources/C/\(name)", linkerSettings: libraries.map { .linkedLibrary($0) })
}

let package = Package(
    name: "martlet",
    targets: [
        library("CCrypt"),
        library("CMariaDB"),
        library("COpenSSL"),
        library("CSQLite"),
        library("CYAML"),
        shims("CLibvirt"),
        shims("COpenSSLTLS", linking: "ssl", "crypto"),
        shims("CSystem"),

        kernel("Base"),
        kernel("Config", "Base", "CYAML"),
        kernel("Crypto", "Base", "COpenSSL", "CCrypt"),
        kernel("IO", "Base", "COpenSSLTLS", "CSystem"),
        kernel("Trace", "Base"),
        kernel("Programs", "Base", "CSystem", "IO", "Trace"),
        kernel("SQL", "Base", "CMariaDB", "CSQLite", "Trace"),
        kernel("HTTP", "Base", "IO", "COpenSSLTLS"),
        kernel("Policy", "Base", "SQL"),
        kernel("AMQP", "Base", "IO"),
        kernel("Bus", "AMQP", "Base", "IO", "Trace"),
        kernel("Workflow", "Base", "SQL", "Trace"),
        kernel("API", "Base", "HTTP", "Policy", "SQL", "Trace"),

        module("", "Contracts", ["Base", "Bus", "Crypto", "Policy"]),

        service("BlockStorage", "Bus", "Contracts", "Crypto", "Trace", "Workflow"),
        service("Compute", "Bus", "Contracts", "Crypto", "IO", "Trace", "Workflow"),
        service("Identity", "Contracts", "Crypto", "IO"),
        service("Image", "Crypto", "IO"),
        service("Network", "Bus", "Contracts"),
        service("Placement", "Contracts"),

        agent("ComputeNode", "API", "Bus", "CLibvirt", "CSystem", "Contracts", "Crypto", "HTTP"),
        agent("VolumeNode", "API", "Bus", "CSystem", "Contracts", "HTTP"),
        agent("NetworkNode", "Bus", "CSystem", "Contracts", "Crypto", "HTTP"),

        module(
            "", "Cloud",
            [
                "AMQP", "API", "Base", "Bus", "Config", "Contracts", "Crypto", "HTTP", "IO", "Policy", "Programs",
                "SQL", "Trace", "Workflow",
                // Every service and every agent, a line each.
                "BlockStorage",
                "Compute",
                "ComputeNode",
                "Identity",
                "Image",
                "Network",
                "NetworkNode",
                "Placement",
                "VolumeNode",
            ]),
        .executableTarget(
            name: "martlet", dependencies: ["Base", "Cloud", "Config", "IO", "Policy", "Trace"],
            path: "Sources/martlet",
            swiftSettings: settings),

        module(
            "", "Simulation",
            [
                "Base", "Bus", "CSQLite", "Cloud", "ComputeNode", "Contracts", "HTTP", "IO", "Identity", "SQL", "Trace",
                "VolumeNode", "Workflow",
            ]),
        .executableTarget(
            name: "simulate", dependencies: ["Base", "Simulation"], path: "Sources/Tools/simulate",
            swiftSettings: settings),

        .executableTarget(
            name: "measure", dependencies: ["AMQP", "Base", "Bus", "IO", "SQL", "Trace"], path: "Sources/Tools/measure",
            swiftSettings: settings),

        // Servers of others that tests start for themselves.
        .target(name: "TestServers", path: "Tests/TestServers", swiftSettings: settings),

        module("", "CloudTesting", ["API", "Base", "HTTP", "Policy", "Trace"]),

        tests("AMQP", "AMQP", "Base", "IO"),
        tests("Base", "Base"),
        tests(
            "BlockStorage", "BlockStorage", "VolumeNode", "CloudTesting", "API", "Base", "Bus", "Contracts", "HTTP",
            "Policy",
            "SQL", "Trace", "Workflow"),
        tests("Bus", "Bus", "AMQP", "Base", "IO", "TestServers", "Trace"),
        tests(
            "Cloud", "Cloud", "API", "Base", "HTTP", "IO", "NetworkNode", "Policy", "SQL", "TestServers", "Trace",
            "Workflow"),
        tests(
            "Compute", "Compute", "CloudTesting", "API", "Base", "Bus", "Contracts", "HTTP", "Policy", "SQL", "Trace",
            "Workflow"),
        tests("ComputeNode", "ComputeNode", "API", "CLibvirt", "Contracts", "HTTP", "IO", "Programs", "Base"),
        tests("Config", "Config", "Base"),
        tests("Crypto", "Crypto", "Base"),
        tests("HTTP", "HTTP", "IO", "Base"),
        tests("Identity", "Identity", "CloudTesting", "API", "Base", "Crypto", "HTTP", "Policy", "SQL"),
        tests("Image", "Image", "CloudTesting", "API", "Base", "Crypto", "HTTP", "IO", "SQL"),
        tests("IO", "IO", "Base"),
        tests("Network", "Network", "CloudTesting", "API", "Base", "Contracts", "HTTP", "SQL"),
        tests("NetworkNode", "NetworkNode", "Base", "Bus", "Contracts", "HTTP", "IO", "Programs", "Trace"),
        tests("Placement", "Placement", "Contracts", "CloudTesting", "API", "Base", "HTTP", "Policy", "SQL"),
        tests("Policy", "Policy", "SQL", "Base"),
        tests("Programs", "Programs", "Base", "Trace"),
        tests("Roles", "martlet", "Base", "HTTP", "IO", "TestServers"),
        tests("Simulation", "simulate"),
        tests("SQL", "SQL", "Base", "TestServers"),
        tests("Tidy"),
        tests("VolumeNode", "VolumeNode", "Contracts", "Base"),
        tests("Workflow", "Workflow", "Base", "SQL", "Trace"),
    ]
)
