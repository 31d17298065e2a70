import API
import Base
import HTTP
import Policy
import SQL

extension Consumer {
    static let endpoints: [Endpoint<Identity>] = [
        .get("/OS-OAUTH1/consumers", "List consumers", may: .listConsumers, query: paging, list),
        .post(
            "/OS-OAUTH1/consumers", "Create a consumer", may: .createConsumer,
            takes: .wrapped("consumer", fields, others: .allowed), create),
        .get("/OS-OAUTH1/consumers/{consumer_id}", "Show a consumer", may: .getConsumer, show),
        .patch(
            "/OS-OAUTH1/consumers/{consumer_id}", "Update a consumer", may: .updateConsumer,
            takes: .wrapped("consumer", fields, others: .allowed), update),
        .delete("/OS-OAUTH1/consumers/{consumer_id}", "Delete a consumer", may: .deleteConsumer, delete),
    ]

    private static let fields: [Field] = [.optional("description", .description)]
}

extension Rule {
    static let getConsumer = Rule(
        "identity:get_consumer", "Show a consumer", May.adminOrSystemReader, for: [.system, .project])
    static let listConsumers = Rule(
        "identity:list_consumers", "List consumers", May.adminOrSystemReader, for: [.system, .project])
    static let createConsumer = Rule(
        "identity:create_consumer", "Create a consumer", May.admin, for: [.system, .project])
    static let updateConsumer = Rule(
        "identity:update_consumer", "Update a consumer", May.admin, for: [.system, .project])
    static let deleteConsumer = Rule(
        "identity:delete_consumer", "Delete a consumer", May.admin, for: [.system, .project])
}

// MARK: Handlers

extension Consumer {
    static func list(_ call: Call<Identity>) async throws(Failure) -> Reply {
        .many(try await call.service.database.read { try $0.consumers(call.listing) }, call)
    }

    static func show(_ call: Call<Identity>) async throws(Failure) -> Reply {
        .one(try await call.service.database.read { try $0.consumer(call.id("consumer_id")) }, call)
    }

    static func create(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let service = call.service
        let secret = UUID(service.world.chance).hex
        let consumer = Consumer(
            try call.fields(one), id: .hex(service.world.chance),
            secret: service.credentialKeys.seal(secret, now: service.world.now))
        try await service.database.write { try $0.insert(consumer) }
        return .json(201) { json in
            json.object(one) {
                consumer.write(to: &$0, with: call)
                $0.put("secret", secret)
            }
        }
    }

    static func update(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let body = try call.fields(one)
        let consumer = try await call.service.database.write { tx in
            var consumer = try tx.consumer(call.id("consumer_id"))
            try consumer.change(body)
            try tx.update(consumer)
            return consumer
        }
        return .one(consumer, call)
    }

    static func delete(_ call: Call<Identity>) async throws(Failure) -> Reply {
        let tokens = call.service.tokens
        try await call.service.database.write { tx in
            try tokens.forgetAll(tx)
            try tx.deleteConsumer(call.id("consumer_id"))
        }
        return .noContent
    }
}
