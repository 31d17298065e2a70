import API
import Base
import SQL

/// How a body names a role: by id, or by a name that no two roles have.
enum RoleReference: Sendable {
    case id(ID<Role>)
    case name(String)

    static let shape: Shape = .object(Fields([.optional("id", .text(1...64)), .optional("name", .text(1...255))]))

    init(_ json: JSON) throws(Failure) {
        switch (json["id"]?.string, json["name"]?.string) {
        case (let id?, nil): self = .id(ID(id))
        case (nil, let name?): self = .name(name)
        default: throw .field("roles", "each must have either an id or a name")
        }
    }
}

extension Transaction {
    func role(_ reference: RoleReference) throws(Failure) -> Role {
        switch reference {
        case .id(let id): return try role(id)
        case .name(let name):
            let roles: [Role] = try rows("SELECT * FROM role WHERE name = \(name)")
            guard let role = roles.first else { throw .notFound(Role.one, name) }
            guard roles.count == 1 else {
                throw .conflict("There are \(roles.count) roles named \(name). Name the role by its id.")
            }
            return role
        }
    }
}
