import Base

/// How long a simulated node takes for what it does.
package struct Pace: Sendable {
    package var start: Duration
    package var stop: Duration
    /// Pausing, resuming, attaching, detaching.
    package var change: Duration
    /// For each GB that is written: memory on suspension, a disk on a snapshot.
    package var gigabyte: Duration

    package init(start: Duration, stop: Duration, change: Duration, gigabyte: Duration) {
        self.start = start
        self.stop = stop
        self.change = change
        self.gigabyte = gigabyte
    }

    /// What a node with good disks and hardware acceleration takes.
    package static let believable = Pace(
        start: .milliseconds(900), stop: .milliseconds(400), change: .milliseconds(60), gigabyte: .milliseconds(700))

    /// For measuring everything else.
    package static let atOnce = Pace(start: .zero, stop: .zero, change: .zero, gigabyte: .zero)

    /// No two are the same: somewhere between three quarters and one and a half of what is usual.
    static func varied(_ usual: Duration, by chance: any Chance) -> Duration {
        .microseconds(usual.microseconds * Int64(75 + chance.below(76)) / 100)
    }
}

/// What goes wrong on a simulated node, each as so many of a million verbs.
package struct Faults: Sendable {
    /// The node fails before it has done anything.
    package var failing: Int
    /// The node does it, and the answer is lost.
    package var unheard: Int
    /// The guest that the verb was about dies of it.
    package var killing: Int

    package init(failing: Int = 0, unheard: Int = 0, killing: Int = 0) {
        self.failing = failing
        self.unheard = unheard
        self.killing = killing
    }

    package static let none = Faults()

    static func strikes(_ millionths: Int, by chance: any Chance) -> Bool {
        millionths > 0 && chance.below(1_000_000) < millionths
    }
}
