/// How much has gone over the bus since the process began.
package struct BusCounts: Sendable, Hashable {
    package var calls = 0
    package var casts = 0
    package var fanouts = 0
    /// Messages that were handled here.
    package var handled = 0
    /// Messages that came again, and had no further effect.
    package var duplicates = 0
    /// Messages that nobody here knows.
    package var refused = 0
    /// Calls said again after the connection was lost.
    package var repeated = 0
    /// How often the broker was reached.
    package var connections = 0
    package var isConnected = true

    package init() {}
}
