import Base
import Synchronization
import Workflow

/// The beginnings and ends of the steps that workflows take, counted, so that the process can be killed at each in turn.
final class Milestones: Sendable {
    private struct State {
        var passed: [String] = []
        var last: Int?
    }

    private let state = Mutex(State())

    var passed: [String] { state.withLock { $0.passed } }

    /// Counts anew from the next one on.
    func count(until last: Int?) {
        state.withLock { $0 = State(last: last) }
    }

    /// Answers whether it is the last: nothing is to happen beyond it.
    func reach(_ point: WorkflowRunner.FaultPoint, _ step: String) -> Bool {
        state.withLock { state in
            state.passed.append("\(point) \"\(step)\"")
            return state.passed.count - 1 == state.last
        }
    }
}
