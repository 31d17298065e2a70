import Base
import SQL
import Synchronization

/// Which services there are and where they answer, as tokens carry it.
struct Catalog: Sendable {
    struct Entry: Sendable {
        let service: CatalogService
        let endpoints: [CatalogEndpoint]
    }

    let entries: [Entry]
    /// The projects that are shown a part of it, each with that part.
    let parts: [String: Set<ID<CatalogEndpoint>>]
}

extension Catalog {
    /// As one project and user see it, with their ids in the URLs that ask for them.
    func write(_ name: String, to json: inout JSONWriter, project: String?, user: String) {
        json.array(name, of: entries(shownTo: project)) { entry, json in
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
