import Base
import CCrypt
import Glibc

/// The system's own crypt(3).
enum Crypt {
    static func verify(_ password: [UInt8], against hash: String) throws(Failure) -> Bool {
        constantTimeEqual(try self.hash(password, setting: hash), hash)
    }

    static func hash(_ password: [UInt8], setting: String) throws(Failure) -> String {
        // crypt(3) wants some 32 KiB to work in, which is too much for a thread's stack.
        var room: UnsafeMutableRawPointer?
        var size: Int32 = 0
        let phrase = (password + [0]).map { CChar(bitPattern: $0) }
        let result = crypt_ra(phrase, setting, &room, &size)
        defer {
            if let room { explicit_bzero(room, Int(size)) }
            free(room)
        }
        guard let result else { throw PasswordHash.malformed }
        return String(cString: result)
    }
}

enum Bcrypt {
    static let greatestLength = 72
    static let costs = 4...31

    static func hash(_ password: [UInt8], salt: [UInt8], cost: Int) throws(Failure) -> String {
        let setting = try setting(cost: cost, salt: salt)
        return try Crypt.hash(Array(password.prefix(greatestLength)), setting: setting)
    }

    static func verify(_ password: [UInt8], against hash: String) throws(Failure) -> Bool {
        try Crypt.verify(Array(password.prefix(greatestLength)), against: hash)
    }

    static func setting(cost: Int, salt: [UInt8]) throws(Failure) -> String {
        guard costs.contains(cost) else { throw .invalid("A cost of \(cost) is beyond what bcrypt takes (4 to 31).") }
        let salt = salt.map { CChar(bitPattern: $0) }
        guard let setting = crypt_gensalt_ra("$2b$", UInt(cost), salt, Int32(salt.count)) else {
            throw .bug("bcrypt took no salt.")
        }
        defer { free(setting) }
        return String(cString: setting)
    }
}

/// bcrypt that takes all of a password: `$bcrypt-sha256$v=2,t=2b,r=COST$SALT$DIGEST`.
enum BcryptSHA256 {
    private static let saltLength = 22
    private static let digestLength = 31

    static func hash(_ password: [UInt8], salt: [UInt8], cost: Int) throws(Failure) -> String {
        let setting = try Bcrypt.setting(cost: cost, salt: salt)
        let salt = String(setting.suffix(saltLength))
        let hash = try Crypt.hash(digest(password, salt), setting: setting)
        return "$bcrypt-sha256$v=2,t=2b,r=\(cost)$\(salt)$\(hash.suffix(digestLength))"
    }

    static func verify(_ password: [UInt8], _ fields: [String]) throws(Failure) -> Bool {
        guard fields.count == 5 else { throw PasswordHash.malformed }
        let parameters = Parameters(fields[2])
        guard let kind = parameters["t"], let cost = parameters["r"].flatMap({ Int($0) }), Bcrypt.costs.contains(cost)
        else {
            throw PasswordHash.malformed
        }
        let rounds = cost < 10 ? "0\(cost)" : "\(cost)"
        return try Crypt.verify(digest(password, fields[3]), against: "$\(kind)$\(rounds)$\(fields[3])\(fields[4])")
    }

    private static func digest(_ password: [UInt8], _ salt: String) -> [UInt8] {
        Array(Base64.standard.text(HMAC(.sha256, key: salt).code(password)).utf8)
    }
}

/// `ln=16,r=8,p=1`
struct Parameters {
    private var values: [String: String] = [:]

    init(_ text: String) {
        for pair in text.split(separator: ",") {
            let parts = pair.split(separator: "=", maxSplits: 1)
            if parts.count == 2 { values[String(parts[0])] = String(parts[1]) }
        }
    }

    subscript(name: String) -> String? { values[name] }
}
