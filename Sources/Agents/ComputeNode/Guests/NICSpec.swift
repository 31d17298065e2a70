package import Base

/// A guest's end of a port.
package struct NICSpec: JSONCoded, Hashable {
    /// The port's id, by which it is attached and detached.
    package var id: String
    package var mac: String
    /// The network device on the node that is the other end, made by whoever looks after networks there. Without one the
    /// guest has an interface that leads nowhere.
    package var tap: String?
    package var mtu: Int?

    package init(id: String, mac: String, tap: String? = nil, mtu: Int? = nil) {
        self.id = id
        self.mac = mac
        self.tap = tap
        self.mtu = mtu
    }

    package init(_ json: JSON) throws(Failure) {
        id = try json.text("id")
        mac = try json.text("mac")
        tap = json["tap"]?.string
        mtu = json["mtu"]?.integer.map(Int.init)
    }

    package var json: JSON { ["id": .string(id), "mac": .string(mac), "tap": JSON(tap), "mtu": JSON(mtu)] }
}
