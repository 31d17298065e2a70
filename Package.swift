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

let package = Package(
    name: "martlet",
    targets: [
        library("CMariaDB"),
        library("CSQLite"),
        kernel("Base"),
        kernel("SQL", "Base", "CMariaDB", "CSQLite"),

        tests("Base", "Base"),
        tests("SQL", "SQL", "Base"),
    ]
)
