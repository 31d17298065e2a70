import Base
import SQL
import Synchronization

/// Which services there are and where they answer, as tokens carry it.
final class Catalog: Sendable {
    struct Entry: Sendable {
        let service: CatalogService
        let endpoints: [CatalogEndpoint]
    }

    let entries: [Entry]
    /// The projects that are shown a part of it, each with that part.
    let parts: [String: Set<ID<CatalogEndpoint>>]
    private let asksForProject: Bool
    private let asksForUser: Bool
    /// As it was written for those who saw it last. Most see the same.
    private let written = Mutex<[Reader: [UInt8]]>([:])

    private struct Reader: Hashable {
        let project: String?
        let user: String?
    }

    /// Some 4 KB each.
    private static let memoryLimit = 1_000

    init(entries: [Entry], parts: [String: Set<ID<CatalogEndpoint>>]) {
        self.entries = entries
        self.parts = parts
        let urls = entries.flatMap(\.endpoints).map(\.url)
        asksForProject = urls.contains { $0.contains("(project_id)") || $0.contains("(tenant_id)") }
        asksForUser = urls.contains { $0.contains("(user_id)") }
    }
}

extension Catalog {
    /// As one project and user see it, with their ids in the URLs that ask for them.
    func write(_ name: String, to json: inout JSONWriter, project: String?, user: String) {
        let isProjectSeen = asksForProject || (project.map { parts[$0] != nil } ?? false)
        let reader = Reader(project: isProjectSeen ? project : nil, user: asksForUser ? user : nil)
        json.key(name)
        if let known = written.withLock({ $0[reader] }) { return json.raw(known) }
        let bytes = text(project: project, user: user)
        written.withLock { written in
            if written.count >= Catalog.memoryLimit { written.removeAll(keepingCapacity: true) }
            written[reader] = bytes
        }
        json.raw(bytes)
    }

    private func text(project: String?, user: String) -> [UInt8] {
        var json = JSONWriter(capacity: 4_096)
        json.array(of: entries(shownTo: project)) { entry, json in
            json.object { json in
                json.array("endpoints") { json in
                    for endpoint in entry.endpoints {
                        guard let url = endpoint.url(project: project, user: user) else { continue }
                        json.object {
                            $0.put("id", endpoint.id)
                            $0.put("interface", endpoint.interface.rawValue)
                            $0.put("region_id", endpoint.region)
                            $0.put("url", url)
                            $0.put("region", endpoint.region)
                        }
                    }
                }
                json.put("id", entry.service.id)
                json.put("type", entry.service.type)
                json.put("name", entry.service.name ?? "")
            }
        }
        return json.finish()
    }
}

extension Catalog {
    /// All of it, unless something is said about the project: then what it is shown, and the services behind that.
    private func entries(shownTo project: String?) -> [Entry] {
        guard let project, let part = parts[project] else { return entries }
        return entries.compactMap { entry in
            let shown = entry.endpoints.filter { part.contains($0.id) }
            return shown.isEmpty ? nil : Entry(service: entry.service, endpoints: shown)
        }
    }
}

/// The catalog, read once and again after it has changed.
final class CatalogMemory: Sendable {
    private let state = Mutex<(catalog: Catalog?, changes: Int)>((nil, 0))

    func catalog(_ database: Database) async throws(Failure) -> Catalog {
        let (known, changes) = state.withLock { $0 }
        if let known { return known }
        let catalog = try await database.read { try $0.catalog() }
        state.withLock { if $0.changes == changes { $0.catalog = catalog } }
        return catalog
    }

    func forget() { state.withLock { $0 = (nil, $0.changes + 1) } }
}

extension Transaction {
    func catalog() throws(Failure) -> Catalog {
        let services: [CatalogService] = try rows("SELECT * FROM service WHERE enabled = \(true) ORDER BY type, id")
        let endpoints: [CatalogEndpoint] = try rows("SELECT * FROM endpoint WHERE enabled = \(true) ORDER BY id")
        let byService = Dictionary(grouping: endpoints, by: \.service)
        return Catalog(
            entries: services.map { Catalog.Entry(service: $0, endpoints: byService[$0.id] ?? []) },
            parts: try catalogParts(endpoints))
    }
}

extension Identity {
    /// A write after which tokens carry another catalog.
    func writeCatalog<Value: Sendable>(
        _ body: @escaping @Sendable (Transaction) throws -> Value
    ) async throws(Failure) -> Value {
        try await database.write { [catalog, changes] tx in
            try changes.note(tx)
            let value = try body(tx)
            tx.afterCommit { catalog.forget() }
            return value
        }
    }
}
