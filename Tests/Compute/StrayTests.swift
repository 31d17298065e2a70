import Base
import Contracts
import SQL
import Testing

@testable import Compute

@Suite struct StrayTests {
    /// Whatever brought it there: a message that came twice, the second time after what it asked for was taken back.
    @Test func aGuestWhoseServerIsNotToBeThereIsAStray() async throws {
        let talk = try await ComputeTalk()
        let (here, there) = (try await talk.server(on: "one"), try await talk.server(on: "two"))
        let (nowhere, deleted) = (
            try await talk.server(state: .error), try await talk.server(on: "one", state: .deleted)
        )
        let report = NodeReport(
            host: "one", hypervisor: "simulated", version: 1, vcpus: 1, memory: 1, disk: 1, cpuInfo: [:],
            guests: .object(.init([here, there, nowhere, deleted].map { .init(name: $0, value: 1) })))
        let strays = try await talk.database.read { try $0.strays(among: report) }
        #expect(Set(strays.map(\.id.text)) == [there, nowhere, deleted])
    }
}
