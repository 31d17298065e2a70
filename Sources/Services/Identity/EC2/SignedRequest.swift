import API
import Base
import Crypto
import HTTP
import Policy
import SQL

/// A request to some other service that was signed with a pair of keys: shown here, it is exchanged for a token.
enum SignedRequest {
    static let endpoints: [Endpoint<Identity>] = [
        Endpoint(
            "POST", "/ec2tokens", "Exchange an EC2 signature for a token", access: .rule(.ec2TokensValidate),
            body: .json(shape), ec2),
        Endpoint(
            "POST", "/s3tokens", "Exchange an S3 signature for a token", access: .rule(.s3TokensValidate),
            body: .json(shape), s3),
    ]

    private static let shape: Shape = .object(
        Fields(names.map { .optional($0, .object(Fields([], others: .allowed))) }, others: .allowed))
    /// Clients never agreed.
    private static let names = ["credentials", "credential", "ec2Credentials"]

    /// How long after its date a signed request is taken.
    private static let lifetime: Duration = .seconds(15 * 60)
}

extension Rule {
    static let ec2TokensValidate = Rule(
        "identity:ec2tokens_validate", "Exchange an EC2 signature for a token", May.serviceOrAdmin)
    static let s3TokensValidate = Rule(
        "identity:s3tokens_validate", "Exchange an S3 signature for a token", May.serviceOrAdmin)
}

extension SignedRequest {
    static func ec2(_ call: Call<Identity>) async throws(Failure) -> Reply {
        try await exchange(call, showsToken: true) { shown, signature, secret throws(Failure) in
            try AWSSignature.verifies(signature, of: AWSRequest(shown), secret: secret)
        }
    }

    static func s3(_ call: Call<Identity>) async throws(Failure) -> Reply {
        try await exchange(call, showsToken: false) { shown, signature, secret throws(Failure) in
            guard let signed = Base64.url.lenientlyPadded.bytes(shown.text("token") ?? "") else { return false }
            return constantTimeEqual(try AWSSignature.s3(signed, secret: secret), signature)
        }
    }

    private static func exchange(
        _ call: Call<Identity>, showsToken: Bool,
        _ verify: (_ shown: JSON.Object, _ signature: String, _ secret: String) throws(Failure) -> Bool
    ) async throws(Failure) -> Reply {
        let service = call.service
        guard let shown = names.lazy.compactMap({ call.body[$0]?.object }).first, let access = shown.text("access"),
            let signature = shown.text("signature")
        else { throw refused("EC2 signature not supplied.") }
        let id = EC2Key.id(of: access)
        let credential = try await service.database.read { try $0.credential(id) }
        guard let credential, credential.type == EC2Key.type else {
            throw Failure(.notFound, "EC2 access key not found.")
        }
        let pair = try EC2Key(service.credentialKeys.reveal(credential))
        guard try verify(shown, signature, pair.secret) else { throw refused("Invalid EC2 signature.") }
        try refuseOld(shown, now: service.world.now)
        let token = try await service.token(for: pair, credential)
        return try await Token.document(token, call, status: 200, showsText: showsToken)
    }

    private static func refuseOld(_ shown: JSON.Object, now: Moment) throws(Failure) {
        let (parameters, headers) = (shown["params"]?.object, shown["headers"]?.object)
        let date =
            parameters?.text("Timestamp") ?? headers?.text("X-Amz-Date") ?? parameters?.text("X-Amz-Date")
        guard let date else { return }
        guard let moment = Moment(iso8601: date) ?? Moment(basic: date) else {
            throw refused("Credential timestamp is invalid.")
        }
        guard now <= moment + lifetime else { throw refused("Credential is expired.") }
    }

    private static func refused(_ message: String) -> Failure { Failure(.unauthenticated, message) }
}

extension Identity {
    /// A token for the project of a pair of keys, by the pair's user or by what lent it its power.
    fileprivate func token(for pair: EC2Key, _ credential: Credential) async throws(Failure) -> Token {
        guard let project = credential.project else { throw .noToken }
        let now = world.now
        let (user, grant) = try await database.read { tx in
            var grant = Grant(target: .project(project))
            var user = credential.user
            if let id = pair.trust {
                guard let trust = try tx.usableTrust(id, at: now) else { throw Failure.noToken }
                grant = Grant(target: .project(project), delegation: .trust(id), ends: trust.expires)
                user = trust.trustee
            } else if let id = pair.applicationCredential {
                guard let lender = try tx.applicationCredential(id), lender.project == project else {
                    throw Failure.noToken
                }
                grant = Grant(target: .project(project), delegation: .applicationCredential(id), ends: lender.expires)
            }
            return (user, grant)
        }
        return try await tokens.issue(user: user, methods: [.ec2credential], grant: grant, parent: nil)
    }
}

extension AWSRequest {
    fileprivate init(_ shown: JSON.Object) {
        self.init(
            verb: shown.text("verb") ?? "", host: shown.text("host") ?? "", path: shown.text("path") ?? "",
            parameters: shown.texts("params"), headers: shown.texts("headers"), bodyHash: shown.text("body_hash"))
    }
}

extension JSON.Object {
    fileprivate func texts(_ name: String) -> [String: String] {
        let pairs = (self[name]?.object?.members ?? []).compactMap { member in
            member.value.string.map { (member.name, $0) }
        }
        return Dictionary(pairs, uniquingKeysWith: { first, _ in first })
    }
}

extension Moment {
    /// `20150830T123600Z`
    fileprivate init?(basic text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count == 16 else { return nil }
        let part = { (range: Range<Int>) in String(decoding: bytes[range], as: UTF8.self) }
        self.init(
            iso8601:
                "\(part(0..<4))-\(part(4..<6))-\(part(6..<8))\(part(8..<11)):\(part(11..<13)):\(part(13..<16))")
    }
}
