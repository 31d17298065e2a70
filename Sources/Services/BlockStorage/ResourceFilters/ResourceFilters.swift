import API
import Base
import HTTP

/// What users may narrow lists by: the filters of the lists themselves.
enum ResourceFilters {
    static let endpoints: [Endpoint<BlockStorage>] = [
        Endpoint(
            "GET", "/resource_filters", "List what lists can be narrowed by", access: .authenticated,
            query: [Parameter("resource")], since: "3.33", list)
    ]

    private static let all: [(resource: String, listing: Listing)] = [
        (resource: "volume", listing: Volume.listing), (resource: "backup", listing: Backup.listing),
        (resource: "snapshot", listing: Snapshot.listing), (resource: "group", listing: VolumeGroup.listing),
        (resource: "group_snapshot", listing: GroupSnapshot.listing),
        (resource: "attachment", listing: Attachment.listing), (resource: "message", listing: UserMessage.listing),
        (resource: "volume_type", listing: VolumeType.listing),
    ]

    private static func list(_ call: Call<BlockStorage>) async throws(Failure) -> Reply {
        let wanted = call.query["resource"]
        let found = all.filter { wanted == nil || $0.resource == wanted }
        return .json { json in
            json.array("resource_filters", of: found) { one, json in
                json.object {
                    $0.put("resource", one.resource)
                    $0.put("filters", one.listing.filters.filter { $0.kind != .ignored }.map(\.name))
                }
            }
        }
    }
}
