/// Which messages have come, and what was answered: what comes again is not handled again.
///
/// Bounded by number and by bytes, oldest out first. It holds for as long as anybody repeats what he said: brokers and
/// callers do that within seconds.
struct Remembered<Arrival> {
    enum Verdict {
        case new
        /// Being handled: whoever brought it again gets the same answer.
        case underWay
        /// The answer, if there was one.
        case done([UInt8]?)
    }

    private enum Entry {
        case underWay([Arrival])
        case done([UInt8]?)
    }

    private var entries: [String: Entry] = [:]
    /// Those that are done, oldest first from `head` on.
    private var order: [String] = []
    private var head = 0
    /// Those with an answer, likewise.
    private var answered: [String] = []
    private var answeredHead = 0
    private var bytes = 0

    /// Some 100 bytes each.
    static var limit: Int { 100_000 }
    static var byteLimit: Int { 16 << 20 }

    var count: Int { entries.count }

    mutating func begin(_ id: String, _ arrival: Arrival) -> Verdict {
        switch entries[id] {
        case nil:
            entries[id] = .underWay([arrival])
            return .new
        case .underWay(let arrivals):
            entries[id] = .underWay(arrivals + [arrival])
            return .underWay
        case .done(let answer): return .done(answer)
        }
    }

    /// - Returns: all that brought it.
    mutating func finish(_ id: String, answer: [UInt8]?) -> [Arrival] {
        guard case .underWay(let arrivals) = entries[id] else { return [] }
        entries[id] = .done(answer)
        order.append(id)
        if let answer {
            answered.append(id)
            bytes += answer.count
        }
        while bytes > Remembered.byteLimit { dropOldestAnswer() }
        while order.count - head > Remembered.limit { dropOldest() }
        return arrivals
    }

    /// It was not handled after all. If it comes again it is new.
    mutating func forget(_ id: String) { entries[id] = nil }

    /// Who asks again for an answer that is forgotten gets it anew.
    private mutating func dropOldestAnswer() {
        let id = answered[answeredHead]
        answeredHead += 1
        if case .done(let answer?) = entries[id] {
            bytes -= answer.count
            entries[id] = nil
        }
        if answeredHead > 1_024, answeredHead * 2 > answered.count {
            answered.removeFirst(answeredHead)
            answeredHead = 0
        }
    }

    private mutating func dropOldest() {
        let id = order[head]
        head += 1
        if case .done(let answer) = entries[id] {
            bytes -= answer?.count ?? 0
            entries[id] = nil
        }
        if head > 1_024, head * 2 > order.count {
            order.removeFirst(head)
            head = 0
        }
    }
}
