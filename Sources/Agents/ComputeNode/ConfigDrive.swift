package import Base
import Programs

/// The disc on which a guest finds its metadata without a network: ISO 9660, with the label that cloud-init looks for.
package enum ConfigDrive {
    /// - Parameter files: by their paths on the disc, `openstack/latest/meta_data.json`.
    /// - Returns: `path`, where the disc is; what was there before is replaced.
    @discardableResult
    package static func build(
        _ files: [String: [UInt8]], at path: String, by actor: String = "compute-node"
    ) async throws(Failure) -> String {
        let tree = path + ".files"
        let fresh = path + ".new"
        try await Program("rm", "-rf", "--", tree, fresh).run(by: actor)
        do throws(Failure) {
            try LocalFiles.make(tree)
            for (name, bytes) in files { try place(bytes, in: tree, as: name) }
            try await Program(
                "genisoimage", "-quiet", "-V", "config-2", "-r", "-J", "-l", "-ldots", "-allow-lowercase", "-o", fresh,
                tree
            ).run(by: actor)
            try LocalFiles.move(fresh, to: path)
        } catch {
            try await Program("rm", "-rf", "--", tree, fresh).run(by: actor)
            throw error
        }
        try await Program("rm", "-rf", "--", tree).run(by: actor)
        return path
    }

    private static func place(_ bytes: [UInt8], in tree: String, as name: String) throws(Failure) {
        let steps = name.split(separator: "/")
        guard let last = steps.last, !steps.contains("..") else { throw .bug("\(name) is no place on a disc.") }
        var folder = tree
        for step in steps.dropLast() {
            folder += "/" + step
            try LocalFiles.make(folder)
        }
        try LocalFiles.create(folder + "/" + last, pieces: [(0, bytes)])
    }
}
