import API
import Base
import Trace
import Workflow

/// A step of something that was done with a server.
struct ServerStep: Sendable {
    let name: String
    let actor: String
    let started: Moment
    /// Nil while it is under way.
    let finished: Moment?
    let failure: String?

    /// Steps that clients wait for, by the words that they know.
    private static let words = [GrowVolume.telling: "compute_extend_volume"]

    init(_ span: Span) {
        name = ServerStep.words[span.name] ?? span.name
        actor = span.actor
        started = span.start
        finished = span.start + span.duration
        failure = span.failure
    }

    init(_ run: Run) {
        name = ServerStep.words[run.step] ?? run.step
        actor = "conductor"
        started = run.stepStarted
        finished = nil
        failure = nil
    }
}

/// How much of the steps somebody may see.
struct ServerStepView: Sendable {
    let version: Microversion
    let showsTraceback: Bool
    let showsDetails: Bool
    let hostID: String
    let host: String?

    func write(_ step: ServerStep, to json: inout JSONWriter) {
        json.put("event", step.name)
        json.put("start_time", step.started, as: .bare)
        json.put("finish_time", step.finished, as: .bare)
        json.put("result", step.finished == nil ? nil : step.failure == nil ? "Success" : "Error")
        if showsTraceback { json.put("traceback", step.failure) }
        if version >= "2.62" {
            if showsTraceback { json.put("host", host) }
            json.put("hostId", hostID)
        }
        if version >= "2.84", showsDetails { json.put("details", step.failure) }
    }
}
