package import Base
import Glibc
package import HTTP
package import IO

/// Keeps data in files, each content once, however many images have it.
///
///     DIR/incoming/  what is on its way in, under a number
///     DIR/content/   what is kept, under its hash
///     DIR/keys/      a link to its content for each key
///
/// A content and its keys are hard links of one file, so that the file system counts who refers to it: no order in which
/// several processes add and remove the same content can take data from under a key.
package struct FileStore: Store {
    package let id: String
    package let kind = "file"
    let folder: String
    let pool: Pool
    private let chance: any Chance

    /// Takes the folder over: what an earlier process was still taking in is thrown away, and contents without a key.
    package init(_ id: String = "file", folder: String, pool: Pool, chance: any Chance) throws(Failure) {
        self.id = id
        self.folder = folder
        self.pool = pool
        self.chance = chance
        for name in ["", "/incoming", "/content", "/keys"] { try Folders.make(folder + name) }
        for entry in try Folders.entries(of: folder + "/incoming") { unlink("\(folder)/incoming/\(entry.name)") }
        try dropUnkeyed()
    }

    package func receive() async throws(Failure) -> any Reception {
        let path = "\(folder)/incoming/\(UUID(chance).hex)"
        let store = self
        return try await pool.run { () throws(Failure) in try FileReception(path: path, store: store) }
    }

    package func open(_ key: StoreKey, _ range: Range<Int>) async throws(Failure) -> HTTPResponse.Body {
        let path = path(of: key)
        return .file(try await pool.run { () throws(Failure) in try FileSlice(path: path, range: range) })
    }

    package func remove(_ key: StoreKey) async throws(Failure) {
        let store = self
        try await pool.run { () throws(Failure) in try store.removeNow(key) }
    }

    package func keys() async throws(Failure) -> [StoreKey] {
        let folder = folder + "/keys"
        return try await pool.run { () throws(Failure) in try Folders.entries(of: folder) }.map { StoreKey($0.name) }
    }

    package func url(of key: StoreKey) -> String { "file://" + path(of: key) }

    private func path(of key: StoreKey) -> String { "\(folder)/keys/\(key.text)" }
}

// MARK: On the pool's threads

extension FileStore {
    /// Gives a finished file its content's name and its key, whichever of them is there already.
    func keepNow(_ path: String, hash: String, as key: StoreKey) throws(Failure) {
        let content = "\(folder)/content/\(hash)"
        // Whoever removes the same content's last key may take its name away in between; then it is given again.
        while true {
            guard link(path, content) == 0 || errno == EEXIST else { throw Folders.failure("keep", content) }
            guard link(content, self.path(of: key)) != 0 else { break }
            guard errno == ENOENT else { throw Folders.failure("keep", self.path(of: key)) }
        }
        unlink(path)
        for name in ["/content", "/keys"] { try Folders.sync(folder + name) }
    }

    fileprivate func removeNow(_ key: StoreKey) throws(Failure) {
        let path = path(of: key)
        var keyed = stat()
        guard stat(path, &keyed) == 0 else { return }
        guard unlink(path) == 0 || errno == ENOENT else { throw Folders.failure("remove", path) }
        // Its own name and the key were the last two: nobody else has it.
        if keyed.st_nlink <= 2 { try dropUnkeyed(keyed.st_ino) }
    }

    /// Takes the names of contents away that no key links to: of all, or of one.
    private func dropUnkeyed(_ inode: UInt? = nil) throws(Failure) {
        for entry in try Folders.entries(of: folder + "/content") where inode == nil || entry.inode == inode {
            let path = "\(folder)/content/\(entry.name)"
            var status = stat()
            guard stat(path, &status) == 0, status.st_nlink == 1 else { continue }
            unlink(path)
        }
    }
}
