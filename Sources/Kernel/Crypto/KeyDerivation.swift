import Base
import COpenSSL

/// Salts and digests as passlib and keystone write them: without padding, and with `.` where older ones had it for `+`.
private enum HashField {
    static func bytes(_ text: String) throws(Failure) -> [UInt8] {
        let text = String(text.map { $0 == "." ? "+" : $0 })
        guard let bytes = Base64.standard.unpadded.bytes(text), !bytes.isEmpty else { throw PasswordHash.malformed }
        return bytes
    }

    static func text(_ bytes: [UInt8]) -> String { Base64.standard.unpadded.text(bytes) }
}

/// `$scrypt$ln=COST,r=BLOCKSIZE,p=LANES$SALT$DIGEST`
struct Scrypt {
    private static let digestLength = 32
    /// A hash says how much memory checking it takes, so one that came from elsewhere could ask for all there is.
    private static let greatestMemory: UInt64 = 256 << 20

    let cost: Int
    let blockSize: Int
    let lanes: Int

    func hash(_ password: [UInt8], salt: [UInt8]) throws(Failure) -> String {
        let digest = try digest(password, salt: salt, length: Self.digestLength)
        return "$scrypt$ln=\(cost),r=\(blockSize),p=\(lanes)$\(HashField.text(salt))$\(HashField.text(digest))"
    }

    static func verify(_ password: [UInt8], _ fields: [String]) throws(Failure) -> Bool {
        guard fields.count == 5 else { throw PasswordHash.malformed }
        let parameters = Parameters(fields[2])
        guard let cost = parameters["ln"].flatMap({ Int($0) }), let blockSize = parameters["r"].flatMap({ Int($0) }),
            let lanes = parameters["p"].flatMap({ Int($0) })
        else { throw PasswordHash.malformed }
        let scrypt = Scrypt(cost: cost, blockSize: blockSize, lanes: lanes)
        let stored = try HashField.bytes(fields[4])
        let digest = try scrypt.digest(password, salt: try HashField.bytes(fields[3]), length: stored.count)
        return constantTimeEqual(digest, stored)
    }

    private func digest(_ password: [UInt8], salt: [UInt8], length: Int) throws(Failure) -> [UInt8] {
        guard (1...24).contains(cost), (1...64).contains(blockSize), (1...64).contains(lanes) else {
            throw .invalid("An scrypt cost of ln=\(cost),r=\(blockSize),p=\(lanes) is beyond what is allowed.")
        }
        let phrase = password.map { CChar(bitPattern: $0) }
        let rounds = UInt64(1) << UInt64(cost)
        var status: Int32 = 0
        let digest = [UInt8](count: length) { output in
            output.initialize(repeating: 0, count: length)
            status = EVP_PBE_scrypt(
                phrase, phrase.count, salt, salt.count, rounds, UInt64(blockSize), UInt64(lanes), Self.greatestMemory,
                output, length)
        }
        guard status == 1 else {
            ERR_clear_error()
            throw .invalid("An scrypt cost of ln=\(cost),r=\(blockSize),p=\(lanes) takes more memory than is allowed.")
        }
        return digest
    }
}

/// `$pbkdf2-sha512$ROUNDS$SALT$DIGEST`
struct PBKDF2 {
    private static let digestLength = 64
    private static let greatestRounds = 10_000_000

    let rounds: Int

    func hash(_ password: [UInt8], salt: [UInt8]) throws(Failure) -> String {
        let digest = try digest(password, salt: salt, length: Self.digestLength)
        return "$pbkdf2-sha512$\(rounds)$\(HashField.text(salt))$\(HashField.text(digest))"
    }

    static func verify(_ password: [UInt8], _ fields: [String]) throws(Failure) -> Bool {
        guard fields.count == 5, let rounds = Int(fields[2]) else { throw PasswordHash.malformed }
        let stored = try HashField.bytes(fields[4])
        let salt = try HashField.bytes(fields[3])
        return constantTimeEqual(try PBKDF2(rounds: rounds).digest(password, salt: salt, length: stored.count), stored)
    }

    private func digest(_ password: [UInt8], salt: [UInt8], length: Int) throws(Failure) -> [UInt8] {
        guard (1...Self.greatestRounds).contains(rounds) else {
            throw .invalid("\(rounds) rounds of PBKDF2 are beyond what is allowed (1 to \(Self.greatestRounds)).")
        }
        let phrase = password.map { CChar(bitPattern: $0) }
        return [UInt8](count: length) { output in
            must(
                PKCS5_PBKDF2_HMAC(
                    phrase, Int32(phrase.count), salt, Int32(salt.count), Int32(rounds),
                    Digest.sha512.algorithm.pointer, Int32(length), output))
        }
    }
}
