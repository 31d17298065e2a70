/// What an operator may set.
package struct ImageSettings: Sendable {
    /// The largest image that is taken in: a terabyte, beyond which nobody boots.
    package var largestImage = 1 << 40
    /// How much the images of one project may hold together, in bytes; nil is as much as there is room for.
    package var projectBytes: Int?
    /// How many images one project may have, so that no one fills the tables.
    package var projectImages = 10_000
    /// How many images of one project may be on their way in at once.
    package var projectUploads = 1_000
    package var properties = 128
    package var tags = 128
    package var members = 128
    package var pageDefault = 25
    package var pageLimit = 1_000
    package var diskFormats = [
        "ami", "ari", "aki", "vhd", "vhdx", "vmdk", "raw", "qcow2", "vdi", "iso", "ploop",
    ]
    package var containerFormats = ["ami", "ari", "aki", "bare", "ovf", "ova", "docker", "compressed"]
    /// Whether an upload must be what its disk format says.
    package var requireFormatMatch = true
    /// How long an upload may be silent until it counts as cut off. Twice what a connection may be silent.
    package var uploadPatience: Duration = .seconds(120)
    /// How long an import may wait for its turn.
    package var importPatience: Duration = .seconds(3_600)
    package var importMethods = ["glance-direct", "web-download", "glance-download", "copy-image"]
    package var webRules = WebRules()

    package init() {}
}
