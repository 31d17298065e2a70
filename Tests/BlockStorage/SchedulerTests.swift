import Base
import Testing

@testable import BlockStorage

@Suite struct SchedulerTests {
    private let now = Moment(seconds: 1_000)

    private func backend(_ host: String, free: Int = 100, zone: String = "nova", _ capabilities: JSON = [:])
        -> VolumeServiceRow
    {
        VolumeServiceRow(
            id: host, binary: "cinder-volume", host: host, zone: zone, isDisabled: false, disabledReason: nil,
            isFrozen: false, seen: now, totalGB: 100, freeGB: free, capabilities: capabilities, pool: "file")
    }

    private func request(size: Int = 1, specs: JSON.Object = JSON.Object(), near: String? = nil) -> PlaceRequest {
        let type = VolumeType(
            id: ID("t"), name: "t", description: nil, isPublic: true, extraSpecs: specs, qosSpecs: nil, encryption: nil,
            created: now, updated: nil)
        return PlaceRequest(size: size, zone: "nova", type: type, near: near)
    }

    private let scheduler = VolumeScheduler(settings: BlockStorageSettings())

    @Test func theEmptiestBackendThatFitsIsChosen() throws {
        let backends = [
            backend("a@file", free: 10), backend("b@file", free: 90), backend("c@file", free: 95, zone: "far"),
        ]
        #expect(try scheduler.choose(request(), among: backends, at: now) == "b@file#file")
    }

    @Test func whatIsCopiedStaysWhereItLies() throws {
        let backends = [backend("a@file", free: 10), backend("b@file", free: 90)]
        #expect(try scheduler.choose(request(near: "a@file#file"), among: backends, at: now) == "a@file#file")
    }

    @Test func whenNothingFitsEachBackendSaysWhy() {
        let failure = #expect(throws: Failure.self) {
            try scheduler.choose(request(size: 50), among: [backend("a@file", free: 10)], at: now)
        }
        #expect(failure?.message == "No valid backend was found: a@file: it has 10 GB left, not 50.")
        let late = Moment(seconds: 2_000)
        let down = #expect(throws: Failure.self) {
            try scheduler.choose(request(), among: [backend("a@file")], at: late)
        }
        #expect(down?.message == "No valid backend was found: a@file: it is down.")
    }

    @Test func extraSpecsAskForCapabilities() throws {
        let backends = [backend("a@file", ["vendor_name": "Martlet", "multiattach": true])]
        let fits = JSON.Object([
            .init(name: "multiattach", value: "<is> True"), .init(name: "vendor_name", value: "Martlet"),
        ])
        #expect(try scheduler.choose(request(specs: fits), among: backends, at: now) == "a@file#file")
        let other = JSON.Object([.init(name: "vendor_name", value: "Somebody")])
        #expect(throws: Failure.self) { try scheduler.choose(request(specs: other), among: backends, at: now) }
    }
}
