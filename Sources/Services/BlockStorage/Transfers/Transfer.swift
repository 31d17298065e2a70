import API
import Base
import Crypto
import HTTP
import Policy
import SQL

/// A volume that is offered to whoever knows the key.
struct Transfer: Record {
    let id: ID<Transfer>
    let project: String
    let volume: ID<Volume>
    let name: String?
    let salt: String
    /// The key itself is told once and not kept.
    let keyDigest: String
    let withoutSnapshots: Bool
    let destination: String?
    let isAccepted: Bool
    let created: Moment
}

extension Transfer {
    static let created = Migration(
        "create volume transfer",
        """
        CREATE TABLE volume_transfer (
            position       \(.serial),
            id             VARCHAR(64)  NOT NULL,
            project_id     VARCHAR(255) NOT NULL,
            volume_id      VARCHAR(64)  NOT NULL,
            name           VARCHAR(255),
            salt           VARCHAR(64)  NOT NULL,
            key_digest     VARCHAR(64)  NOT NULL,
            no_snapshots   BOOLEAN      NOT NULL,
            destination_id VARCHAR(255),
            accepted       BOOLEAN      NOT NULL,
            created_at     BIGINT       NOT NULL,
            UNIQUE (id)
        )
        """)

    init(_ row: borrowing Row) throws(Failure) {
        self.init(
            id: try row.id("id"), project: try row.text("project_id"), volume: try row.id("volume_id"),
            name: try row.optionalText("name"), salt: try row.text("salt"), keyDigest: try row.text("key_digest"),
            withoutSnapshots: try row.bool("no_snapshots"), destination: try row.optionalText("destination_id"),
            isAccepted: try row.bool("accepted"), created: try row.moment("created_at"))
    }

    static let listing = Listing(
        name: "transfers", noun: "Transfer", table: "volume_transfer",
        select: "SELECT volume_transfer.* FROM volume_transfer",
        sorts: [
            "id": "volume_transfer.id", "name": "volume_transfer.name", "display_name": "volume_transfer.name",
            "created_at": "volume_transfer.created_at", "volume_id": "volume_transfer.volume_id",
        ],
        filters: [.text("name", "name"), .text("display_name", "name"), .text("volume_id", "volume_id")])

    static func digest(_ key: String, _ salt: String) -> String {
        Digest.sha256.hex(salt + key)
    }

    /// The same under its old name and its new one.
    static let endpoints: [Endpoint<BlockStorage>] = ["/os-volume-transfer", "/volume-transfers"].flatMap { path in
        let since: Microversion? = path == "/volume-transfers" ? "3.55" : nil
        return [
            .get(path, "List transfers", may: .listTransfers, query: listing.parameters, since: since) {
                try await listReply($0, at: path) { $0.writeBrief(to: &$1, $2) }
            },
            .get(
                path + "/detail", "List transfers with details", may: .listTransfers, query: listing.parameters,
                since: since
            ) {
                try await listReply($0, at: path + "/detail") { $0.write(to: &$1, $2) }
            },
            .post(path, "Offer a volume", may: .createTransfer, takes: createShape, since: since, create),
            .get(path + "/{transfer_id}", "Show a transfer", may: .showTransfer, since: since, show),
            .post(
                path + "/{transfer_id}/accept", "Take a volume over", may: .acceptTransfer,
                takes: .wrapped("accept", [.required("auth_key", .either([.text(0...255), .integer(0...Int64.max)]))]),
                since: since, accept),
            .delete(path + "/{transfer_id}", "Withdraw an offer", may: .deleteTransfer, since: since, delete),
        ] as [Endpoint<BlockStorage>]
    }

    private static let createShape: Shape = .wrapped(
        "transfer",
        [
            .required("volume_id", .text(32...36, format: .uuidOrHex)), .optional("name", .looseName),
            .optional("no_snapshots", .looseBoolean, since: "3.55"),
        ])
}

extension Transaction {
    func transfer(_ id: ID<Transfer>, in scope: Scope) throws(Failure) -> Transfer {
        let transfer: Transfer? = try row(
            "SELECT * FROM volume_transfer WHERE id = \(id) AND \(scope.within(project: "project_id"))")
        guard let transfer else { throw .noSuch("Transfer", id.text) }
        return transfer
    }
}

// MARK: Handlers

extension Transfer {
    private static func listReply(
        _ call: Call<BlockStorage>, at path: String, _ write: (Transfer, inout JSONWriter, Call<BlockStorage>) -> Void
    ) async throws(Failure) -> Reply {
        let query = try ListQuery(listing, call)
        let page: Page<Transfer> = try await call.service.database.read { try $0.page(query) }
        return .json { json in
            json.array("transfers", of: page.things) { transfer, json in json.object { write(transfer, &$0, call) } }
            call.writeEnd(of: page, listing, at: path, last: page.things.last?.id.text, to: &json)
        }
    }

    private static func show(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let transfer = try await call.service.database.read { try $0.transfer(call.id("transfer_id"), in: call.scope) }
        return .json { $0.object("transfer") { transfer.write(to: &$0, call) } }
    }

    private static func create(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let (body, world) = (try call.fields("transfer"), call.service.world)
        let key = Hex.text(world.chance.bytes(8))
        let salt = Hex.text(world.chance.bytes(4))
        let withoutSnapshots = body.boolean("no_snapshots") ?? false
        let transfer = try await call.service.database.write { tx in
            let volume = try tx.volume(ID(body.text("volume_id") ?? ""), in: call.scope)
            guard volume.status == .available else { throw Failure.invalidVolume("status must be available") }
            try volume.requireNoGroup(to: "transfer")
            let snapshots = try tx.snapshots(where: "volume_snapshot.volume_id = \(volume.id)")
            for snapshot in snapshots where !withoutSnapshots && snapshot.status != .available {
                throw Failure.invalidSnapshot("Snapshot \(snapshot.id) status must be available")
            }
            let transfer = Transfer(
                id: .uuid(world.chance), project: volume.project, volume: volume.id, name: body.name("name"),
                salt: salt, keyDigest: digest(key, salt), withoutSnapshots: withoutSnapshots, destination: nil,
                isAccepted: false, created: world.now)
            try tx.insert(
                into: "volume_transfer",
                [
                    "id": transfer.id, "project_id": transfer.project, "volume_id": transfer.volume,
                    "name": transfer.name, "salt": transfer.salt, "key_digest": transfer.keyDigest,
                    "no_snapshots": transfer.withoutSnapshots, "accepted": false, "created_at": transfer.created,
                ])
            try tx.change(volume.id, at: world.now) { $0.status = .awaitingTransfer }
            return transfer
        }
        return .json(202) { json in
            json.object("transfer") {
                transfer.write(to: &$0, call)
                $0.put("auth_key", key)
            }
        }
    }

    private static func accept(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let (given, service, now) = (call.body["accept"]?["auth_key"], call.service, call.service.world.now)
        let key = given?.string ?? given?.integer.map { String($0) } ?? ""
        let transfer = try await service.database.write { tx in
            let transfer = try tx.transfer(call.id("transfer_id"), in: .everywhere)
            guard digest(key, transfer.salt) == transfer.keyDigest else {
                throw Failure.invalid("Attempt to transfer \(transfer.id) with invalid auth key.")
            }
            let volume = try tx.volume(transfer.volume)
            guard volume.status == .awaitingTransfer else {
                throw Failure.invalidVolume(
                    "Transfer \(transfer.id): Volume id \(volume.id) expected in state awaiting-transfer")
            }
            let type = try tx.volumeType(volume.type)
            guard try type.isPublic || tx.projects(of: type.id).contains(call.project) else {
                throw Failure.invalidVolume(
                    "The volume type \(type.name) is not open to the project that takes the volume.")
            }
            let snapshots = try tx.snapshots(where: "volume_snapshot.volume_id = \(volume.id)")
            let moved = transfer.withoutSnapshots ? [] : snapshots
            try tx.reserve(
                [
                    .volumes: 1, .snapshots: moved.count, .gigabytes: volume.size + moved.reduce(0) { $0 + $1.size },
                ], type: volume.typeName, in: call.project, service.settings)
            try tx.change(volume.id, at: now) { volume in
                volume.project = call.project
                volume.user = call.caller.user.id
                volume.status = .available
            }
            for snapshot in moved {
                try tx.run(
                    """
                    UPDATE volume_snapshot SET project_id = \(call.project), user_id = \(call.caller.user.id)
                    WHERE id = \(snapshot.id)
                    """)
            }
            try tx.run("DELETE FROM volume_transfer WHERE id = \(transfer.id)")
            return transfer
        }
        return .json(202) { $0.object("transfer") { transfer.writeBrief(to: &$0, call) } }
    }

    private static func delete(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let now = call.service.world.now
        try await call.service.database.write { tx in
            let transfer = try tx.transfer(call.id("transfer_id"), in: call.scope)
            try tx.run("DELETE FROM volume_transfer WHERE id = \(transfer.id)")
            guard try !tx.volumes(where: "volume_volume.id = \(transfer.volume)").isEmpty else { return }
            try tx.change(transfer.volume, at: now) { volume in
                if volume.status == .awaitingTransfer { volume.status = .available }
            }
        }
        return Reply(202)
    }

    // MARK: On the wire

    private func writeBrief(to json: inout JSONWriter, _ call: Call<BlockStorage>) {
        json.put("id", id)
        json.put("volume_id", volume)
        json.put("name", name)
        call.writeLinks("os-volume-transfer", id.text, to: &json)
    }

    private func write(to json: inout JSONWriter, _ call: Call<BlockStorage>) {
        json.put("id", id)
        json.put("created_at", created, as: .bare)
        json.put("name", name)
        json.put("volume_id", volume)
        call.writeLinks("os-volume-transfer", id.text, to: &json)
        if call.version >= "3.55" { json.put("no_snapshots", withoutSnapshots) }
        if call.version >= "3.57" {
            json.put("destination_project_id", destination)
            json.put("source_project_id", project)
            json.put("accepted", isAccepted)
        }
    }
}

extension Rule {
    static let listTransfers = Rule("volume:get_all_transfers", "List transfers", May.reader)
    static let showTransfer = Rule("volume:get_transfer", "Show a transfer", May.reader)
    static let createTransfer = Rule("volume:create_transfer", "Offer a volume", May.member)
    static let acceptTransfer = Rule("volume:accept_transfer", "Take a volume over", May.member)
    static let deleteTransfer = Rule("volume:delete_transfer", "Withdraw an offer", May.member)
}
