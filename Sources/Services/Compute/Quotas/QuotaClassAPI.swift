import API
import Base
import HTTP
import Policy
import SQL

/// Quotas by class. The one named `default` holds for every project that has none of its own.
enum QuotaClass {
    static let endpoints: [Endpoint<Compute>] = [
        .get(path, "Show the quotas of a class", may: .showQuotaClass, show),
        .put(path, "Set the quotas of a class", may: .updateQuotaClass, takes: shape, update),
    ]

    private static let path = "/os-quota-class-sets/{class_name}"

    private static let shape: Shape = .wrapped(
        "quota_class_set", Quota.all.map { .optional($0.name, Quota.limit, until: $0.classUntil) })

    private static func show(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let (name, settings) = (call["class_name"], call.service.settings)
        let limits = try await call.service.database.read { try $0.limits(ofClass: name, settings) }
        return reply(limits, id: name, call)
    }

    private static func update(_ call: Call<Compute>) async throws(Failure) -> Reply {
        let (name, settings) = (call["class_name"], call.service.settings)
        guard name.unicodeScalars.count <= 255 else {
            throw .field("class_name", "is too long: at most 255 characters")
        }
        let changes = Quota.changes(in: try call.fields("quota_class_set"))
        let limits = try await call.service.database.write { tx in
            try tx.setLimits(changes, ofClass: name)
            return try tx.limits(ofClass: name, settings)
        }
        return reply(limits, id: nil, call)
    }

    private static func reply(_ limits: QuotaLimits, id: String?, _ call: Call<Compute>) -> Reply {
        .json { json in
            json.object("quota_class_set") { json in
                if let id { json.put("id", id) }
                for quota in Quota.all where quota.isShownOfClass(at: call.version) {
                    json.put(quota.name, limits[quota.name])
                }
            }
        }
    }
}

extension Rule {
    static let showQuotaClass = Rule("os_compute_api:os-quota-class-sets:show", "Show a class's quotas", May.admin)
    static let updateQuotaClass = Rule("os_compute_api:os-quota-class-sets:update", "Set a class's quotas", May.admin)
}
