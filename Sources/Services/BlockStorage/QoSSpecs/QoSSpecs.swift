import Base
import SQL

/// How the volumes of types are to be treated: a consumer, and what it is told.
struct QoSSpecs: Sendable {
    let id: ID<QoSSpecs>
    var name: String
    /// `front-end`, `back-end`, `both`.
    var consumer: String
    var specs: JSON.Object
    let created: Moment
}
