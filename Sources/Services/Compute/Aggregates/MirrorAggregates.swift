import API
import Base
import Bus
import Contracts
import HTTP
import SQL

extension Compute {
    /// Tries against others who change the same provider at the same time.
    private static let attempts = 5

    /// Tells placement which aggregates a host is in. It is told all of them each time, so saying it twice does no harm.
    func mirrorAggregates(of host: String) async throws(Failure) {
        let known = try await database.read { try $0.computeHosts("compute_host.name = \(host)").first }
        guard let known else { return }
        let token = try await tokens.serviceToken()
        let path = "/resource_providers/\(known.provider)"
        let newer: HTTPHeaders = ["OpenStack-API-Version": "placement 1.36"]
        for attempt in 1...Compute.attempts {
            let provider = try await neighbours.placement.ask("GET", path, token: token, headers: newer).json
            let body: JSON = [
                "aggregates": JSON(known.aggregates.map(\.id.text)),
                "resource_provider_generation": provider["generation"] ?? 0,
            ]
            do throws(Failure) {
                _ = try await neighbours.placement.ask(
                    "PUT", path + "/aggregates", body, token: token, headers: newer)
                return
            } catch  where error.kind == .conflict && attempt < Compute.attempts {
                continue
            }
        }
    }

    func haveReady(_ images: [String], on host: String) async throws(Failure) {
        for image in images {
            try await bus.cast(ComputeMessages.cacheImage, on: host, ImageReference(image: image))
        }
    }
}
