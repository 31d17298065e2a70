import API
import Base
import HTTP
import Policy
import SQL

/// Words that users put on things. Every resource that is tagged has them in the same place and under the same paths.
enum Tags {
    static let created = Migration(
        "create tag",
        """
        CREATE TABLE network_tag (
            object_id   VARCHAR(36)  NOT NULL,
            tag         VARCHAR(255) NOT NULL,
            PRIMARY KEY (object_id, tag)
        )
        """)

    static func source(_ things: SQL) -> SQL {
        "SELECT object_id AS owner, tag FROM network_tag WHERE object_id IN \(things) ORDER BY tag"
    }
}

extension Desk {
    func addTags(to documents: inout [Document]) throws(Failure) {
        var tags: [String: [String]] = [:]
        let sql: SQL = """
            SELECT object_id, tag FROM network_tag WHERE object_id IN \(.list(documents.map(\.id))) ORDER BY tag
            """
        try tx.each(sql) { row in tags[try row.text("object_id"), default: []].append(try row.text("tag")) }
        for index in documents.indices { documents[index]["tags"] = .strings(tags[documents[index].id] ?? []) }
    }

    func setTags(of id: String, _ resource: Resource, _ tags: [String]) throws(Failure) {
        try tx.run("DELETE FROM network_tag WHERE object_id = \(id)")
        for tag in Set(tags).sorted() { try tx.insert(into: "network_tag", ["object_id": id, "tag": tag]) }
    }
}

extension Resource {
    func tagEndpoints(_ rules: [Rule], at path: String) -> [Endpoint<Network>] {
        let access = Access.decided(by: rules)
        let all = path + "/{id}/tags"
        let each = all + "/{tag}"
        return [
            Endpoint("GET", all, "List the tags of a \(one)", access: access) { call in
                let tags = try await self.tags("get", call) { _, _, _ in }
                return .json { $0.put("tags", tags) }
            },
            Endpoint("PUT", all, "Replace the tags of a \(one)", access: access, body: .json(Self.tagsBody)) { call in
                let wanted = call.body["tags"]?.array?.compactMap(\.string) ?? []
                let tags = try await self.tags("update", call) { desk, id, _ in try desk.setTags(of: id, self, wanted) }
                return .json { $0.put("tags", tags) }
            },
            Endpoint("POST", all, "Add tags to a \(one)", access: access, body: .json(Self.tagsBody)) { call in
                let more = call.body["tags"]?.array?.compactMap(\.string) ?? []
                let tags = try await self.tags("update", call) { desk, id, now in
                    try desk.setTags(of: id, self, now + more)
                }
                return .json { $0.put("tags", tags) }
            },
            Endpoint("DELETE", all, "Remove all tags of a \(one)", access: access) { call in
                _ = try await self.tags("delete", call) { desk, id, _ in try desk.setTags(of: id, self, []) }
                return .noContent
            },
            Endpoint("GET", each, "Check a tag of a \(one)", access: access) { call in
                let tags = try await self.tags("get", call) { _, _, _ in }
                guard tags.contains(call["tag"]) else { throw Self.noTag(call["tag"]) }
                return .noContent
            },
            Endpoint("PUT", each, "Add a tag to a \(one)", access: access, body: .json(.any)) { call in
                try Shape.text(1...255).check(.string(call["tag"]), at: "tag", version: .v2)
                _ = try await self.tags("update", call) { desk, id, now in
                    try desk.setTags(of: id, self, now + [call["tag"]])
                }
                return Reply(201)
            },
            Endpoint("DELETE", each, "Remove a tag of a \(one)", access: access) { call in
                _ = try await self.tags("delete", call) { desk, id, now in
                    guard now.contains(call["tag"]) else { throw Self.noTag(call["tag"]) }
                    try desk.setTags(of: id, self, now.filter { $0 != call["tag"] })
                }
                return .noContent
            },
        ]
    }

    private static var tagsBody: Shape {
        .object(Fields([.required("tags", .list(of: .text(1...255)))], others: .allowed))
    }

    private static func noTag(_ tag: String) -> Failure {
        .missing("TagNotFound", "Tag \(tag) could not be found.")
    }

    /// The tags of what the call names, after `work` was done with them.
    private func tags(
        _ verb: String, _ call: Call<Network>,
        _ work: @escaping @Sendable (_ desk: Desk, _ id: String, _ now: [String]) throws -> Void
    ) async throws(Failure) -> [String] {
        try await call.service.database.write { tx in
            let desk = Desk(tx, call.service, call)
            let document = try desk.visible(self, call["id"])
            try desk.require("\(verb)_\(self.one):tags", of: try desk.target(self, document))
            try work(desk, document.id, document.texts("tags"))
            if verb != "get" { try desk.touch(self, document.id) }
            return try desk.get(self, document.id).texts("tags")
        }
    }
}
