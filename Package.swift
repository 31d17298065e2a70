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
        shims("CSystem"),
        shims("COpenSSLTLS", linking: "ssl", "crypto"),
        kernel("Base"),
        kernel("IO", "Base", "CSystem"),
        kernel("HTTP", "Base", "IO", "COpenSSLTLS"),

        tests("Base", "Base"),
        tests("IO", "IO", "Base"),
        tests("HTTP", "HTTP", "IO", "Base"),
    ]
)
