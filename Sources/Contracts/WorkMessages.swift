package import Base
package import Bus

/// What those who begin long work say to those who carry it out: that there is some. Which, is in the database.
package enum WorkMessages {
    package static let begun = Message<Nothing, Nothing>(topic: "conductor", name: "look for work")
    package static let volumesBegun = Message<Nothing, Nothing>(topic: "volume-control", name: "look for work")
}
