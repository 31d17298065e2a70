import API
import Base
import HTTP
import Policy
import SQL

extension Resource {
    /// What the API offers for a thing of any kind.
    var endpoints: [Endpoint<Network>] {
        let rules = Rule.of(self)
        let access = Access.decided(by: rules)
        let item = path + "/{id}"
        var endpoints: [Endpoint<Network>] = [
            Endpoint("GET", path, "List \(many)", access: access) { try await self.list($0) },
            Endpoint("GET", item, "Show a \(one)", access: access) { try await self.show($0) },
        ]
        if isMade {
            endpoints.append(
                Endpoint("POST", path, "Create a \(one), or several", access: access, body: .json(.any)) {
                    try await self.post($0)
                })
        }
        if attributes.contains(where: { $0.settable.contains(.update) }) {
            endpoints.append(
                Endpoint("PUT", item, "Update a \(one)", access: access, body: .json(.any)) { try await self.put($0) })
        }
        endpoints.append(
            Endpoint("DELETE", item, "Delete a \(one)", access: access) { try await self.erase($0) })
        guard isTagged else { return endpoints }
        // Tags are found under the bare name also where the thing itself has a longer path.
        let short = "/" + many
        return endpoints + tagEndpoints(rules, at: path) + (short == path ? [] : tagEndpoints(rules, at: short))
    }

    private var isMade: Bool { attributes.contains { $0.settable.contains(.create) } }

    // MARK: Handlers

    private func list(_ call: Call<Network>) async throws(Failure) -> Reply {
        let listing = try Listing(self, call.query)
        try await prepare?(call)
        let (sheet, documents, view): (Sheet?, [Document], View) = try await call.service.database.read { tx in
            let desk = Desk(tx, call.service, call)
            if let sheet = try listing.sheet(desk) { return (sheet, [], sheet.view) }
            let documents = try listing.page(desk)
            return (nil, documents, try View(self, desk, of: documents))
        }
        let ids = sheet?.stamps.map(\.id) ?? documents.map(\.id)
        let links = listing.links(ids, call.link("/v2.0" + path))
        return .json { json in
            if let sheet {
                json.array(many, of: sheet.pieces(keepingIn: call.service.documents)) { $1.raw($0) }
            } else {
                json.array(many, of: documents) { view.write($0, to: &$1) }
            }
            guard !links.isEmpty else { return }
            json.array("\(many)_links", of: links) { link, json in
                json.object {
                    $0.put("rel", link.rel)
                    $0.put("href", link.href)
                }
            }
        }
    }

    private func show(_ call: Call<Network>) async throws(Failure) -> Reply {
        let (document, view) = try await call.service.database.read { tx in
            let desk = Desk(tx, call.service, call)
            let document = try desk.visible(self, call["id"])
            return (document, try View(self, desk, of: [document]))
        }
        return reply(document, view)
    }

    private func post(_ call: Call<Network>) async throws(Failure) -> Reply {
        let (drafts, isBulk) = try Intake(resource: self, call: call).drafts()
        let (documents, view) = try await call.service.database.write { tx in
            var desk = Desk(tx, call.service, call)
            for draft in drafts { try self.admit(draft, &desk) }
            for (project, count) in Self.counts(drafts) { try desk.requireQuota(self, project, adding: count) }
            var documents: [Document] = []
            for draft in drafts {
                var document = draft.document
                try self.insertion(&document, desk)
                documents.append(try desk.get(self, document.id))
            }
            // Whose the parents are has not changed by what was made in them.
            return (documents, try View(self, desk, of: documents, among: desk.homes))
        }
        guard isBulk else { return reply(documents[0], view, status: 201) }
        return .json(201) { $0.array(many, of: documents) { view.write($0, to: &$1) } }
    }

    /// The rule about making one, and those about each member that was said.
    private func admit(_ draft: Intake.Draft, _ desk: inout Desk) throws(Failure) {
        var homes = desk.homes
        let target = try desk.target(self, draft.document, among: &homes)
        desk.homes = homes
        try desk.require("create_\(one)", of: target)
        for rule in partRules("create", draft.said, draft.document) { try desk.require(rule, of: target) }
    }

    private static func counts(_ drafts: [Intake.Draft]) -> [(String, Int)] {
        Dictionary(grouping: drafts, by: \.document.project).map { ($0.key, $0.value.count) }
    }

    private func put(_ call: Call<Network>) async throws(Failure) -> Reply {
        let changes = try Intake(resource: self, call: call).changes()
        let (document, view) = try await call.service.database.write { tx in
            let desk = Desk(tx, call.service, call)
            let before = try desk.visible(self, call["id"])
            try Self.requireRevision(before, call)
            let target = try desk.target(self, before)
            try self.requireChange("update", of: target, desk)
            let wished = try desk.target(self, before.merging(changes))
            for rule in self.partRules("update", changes.names, changes) { try desk.require(rule, of: wished) }
            var values = changes
            if let update = self.update {
                try update(&values, before, desk)
            } else {
                try desk.change(self, before.id, values)
            }
            if let isShared = changes.boolean("shared"), self.attribute("shared")?.kept == nil {
                try desk.setSharing(self, before, isShared)
            }
            let document = try desk.get(self, before.id)
            return (document, try View(self, desk, of: [document]))
        }
        return reply(document, view)
    }

    private func erase(_ call: Call<Network>) async throws(Failure) -> Reply {
        try await call.service.database.write { tx in
            let desk = Desk(tx, call.service, call)
            let document = try desk.visible(self, call["id"])
            try Self.requireRevision(document, call)
            try self.requireChange("delete", of: try desk.target(self, document), desk)
            if let delete = self.delete { try delete(document, desk) } else { try desk.remove(self, document.id) }
        }
        return .noContent
    }

    // MARK: Parts

    /// Where nothing shows that a thing is shared, who may only look at it isn't told that it is there to be changed.
    private func requireChange(_ verb: String, of target: Desk.Target, _ desk: Desk) throws(Failure) {
        guard let shared = attribute("shared"), !shared.isVisible, target.own.project != desk.viewer.project else {
            return try desk.require("\(verb)_\(one)", of: target)
        }
        guard desk.allows("\(verb)_\(one)", of: target) else { throw missing(target.own.id) }
    }

    func reply(_ document: Document, _ view: View, status: Int = 200) -> Reply {
        .json(status) { json in
            json.key(one)
            view.write(document, to: &json)
        }
    }

    /// The rules about members and, where a member is a list of objects, about what is inside of those.
    private func partRules(_ verb: String, _ said: [String], _ document: Document) -> [String] {
        var rules: [String] = []
        for name in said {
            let rule = "\(verb)_\(one):\(name)"
            rules.append(rule)
            let parts = document[name]?.object.map { [$0] } ?? document.objects(name)
            for part in Set(parts.flatMap(\.names)).sorted() { rules.append("\(rule):\(part)") }
        }
        return rules.filter { Rule.network[$0] != nil }
    }

    /// `If-Match: revision_number=3`: only if nobody has changed it since.
    private static func requireRevision(_ document: Document, _ call: Call<Network>) throws(Failure) {
        guard let match = call.request.headers["if-match"] else { return }
        let parts = match.split(separator: "=").map { $0.filter { $0 != "\"" && $0 != " " } }
        guard parts.count == 2, parts[0] == "revision_number", let wanted = Int(parts[1]) else {
            throw .wrong("HTTPBadRequest", "Revision number etag must be in the format of revision_number=<int>")
        }
        guard document.integer("revision_number") == wanted else {
            throw Failure(
                .preconditionFailed,
                "Constrained to \(wanted), but current revision is \(document.integer("revision_number") ?? 0)")
        }
    }
}
