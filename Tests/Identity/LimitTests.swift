import Base
import CloudTesting
import Testing

@testable import Identity

@Suite struct LimitTests {
    let talk: Conversation
    private let base = "/identity/v3"

    init() async throws { talk = try await Conversation.withIdentity() }

    @Test func aLimitStandsOnARegisteredOne() async throws {
        let service = try #require(
            await talk.post("\(base)/services", ["service": ["type": "compute"]], as: .admin)["service"]?["id"])
        let project = try #require(
            await talk.post("\(base)/projects", ["project": ["name": "p"]], as: .admin)["project"]?["id"])
        let limit: JSON = [
            "limits": [
                ["service_id": service, "project_id": project, "resource_name": "cores", "resource_limit": 5]
            ]
        ]
        #expect(await talk.post("\(base)/limits", limit, as: .admin).status == 403)

        let registration: JSON = [
            "registered_limits": [["service_id": service, "resource_name": "cores", "default_limit": 10]]
        ]
        let registered = await talk.post("\(base)/registered_limits", registration, as: .admin)
        #expect(registered.status == 201)
        #expect(await talk.post("\(base)/registered_limits", registration, as: .admin).status == 409)
        #expect(await talk.post("\(base)/limits", limit, as: .admin).status == 201)
        #expect(await talk.post("\(base)/limits", limit, as: .admin).status == 409)

        let id = registered["registered_limits"]?.array?.first?["id"]?.string ?? ""
        #expect(await talk.delete("\(base)/registered_limits/\(id)", as: .admin).status == 403, "it is in use")
        #expect(await talk.get("\(base)/limits", as: .stranger)["limits"]?.array?.isEmpty == true)
        #expect(await talk.get("\(base)/limits", as: .admin)["limits"]?.array?.first?["resource_limit"] == 5)
    }
}
