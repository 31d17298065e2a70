import API
import Base
import Crypto
import HTTP

/// The way a request is signed by OAuth 1.0 (RFC 5849): what stands in its `Authorization` header, and the text that the
/// signature is about.
struct OAuthSignature: Sendable {
    private let parameters: [String: String]
    private let base: [UInt8]

    /// Keystone's libraries take no request that is older, or from further in the future.
    private static let tolerance: Duration = .seconds(600)
}

extension OAuthSignature {
    /// - Parameter url: where the request came to, without what stands behind the question mark.
    init(_ request: HTTPRequest, url: String) throws(Failure) {
        guard let header = request.headers["authorization"], let scheme = header.firstRange(of: "OAuth ") else {
            throw .field("Authorization", "must be an OAuth header")
        }
        guard scheme.lowerBound == header.startIndex,
            let pairs = OAuthSignature.pairs(header[scheme.upperBound...])
        else { throw .field("Authorization", "is no well-formed OAuth header") }
        parameters = Dictionary(pairs, uniquingKeysWith: { first, _ in first })
        guard parameters.count == pairs.count else { throw .field("Authorization", "names a parameter twice") }
        let query = try Parameters(request.query ?? "").items.map { ($0.name, $0.value ?? "") }
        let signed = (pairs.filter { $0.0 != "realm" && $0.0 != "oauth_signature" } + query)
            .map { (PercentCoding.encode($0.0), PercentCoding.encode($0.1)) }
            .sorted { $0 < $1 }
            .map { "\($0.0)=\($0.1)" }
            .joined(separator: "&")
        base = Array(
            [request.method.uppercased(), OAuthSignature.normal(url), signed].map { PercentCoding.encode($0) }
                .joined(separator: "&").utf8)
    }

    /// `name="value", name="value"`, both percent-encoded.
    private static func pairs(_ text: Substring) -> [(String, String)]? {
        var pairs: [(String, String)] = []
        for part in text.split(separator: ",") {
            let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let quoted = sides.count == 2 ? sides[1].drop { $0 == " " } : ""
            guard quoted.count >= 2, quoted.first == "\"", let end = quoted.lastIndex(of: "\""),
                end > quoted.startIndex, quoted[quoted.index(after: end)...].allSatisfy({ $0 == " " }),
                let name = PercentCoding.decode(sides[0].drop { $0 == " " }),
                let value = PercentCoding.decode(quoted[quoted.index(after: quoted.startIndex)..<end])
            else { return nil }
            pairs.append((name, value))
        }
        return pairs
    }

    /// Without the port that the scheme has anyway.
    private static func normal(_ url: String) -> String {
        guard let scheme = url.firstRange(of: "://") else { return url }
        let slash = url[scheme.upperBound...].firstIndex(of: "/") ?? url.endIndex
        var authority = url[..<slash].lowercased()
        for usual in [("http://", ":80"), ("https://", ":443")]
        where authority.hasPrefix(usual.0) && authority.hasSuffix(usual.1) {
            authority.removeLast(usual.1.count)
        }
        return authority + url[slash...]
    }

    /// A parameter that has to be there: `consumer_key`, `token`, `verifier`.
    func required(_ name: String) throws(Failure) -> String {
        guard let value = parameters["oauth_" + name], !value.isEmpty else {
            throw .field("oauth_\(name)", "is required")
        }
        return value
    }

    /// Refuses unless the request was signed, just now, by whoever knows both secrets.
    func verify(consumer: String, token: String = "", now: Moment) throws(Failure) {
        guard let seconds = Int64(try required("timestamp")) else {
            throw .field("oauth_timestamp", "must be a number of seconds")
        }
        _ = try required("nonce")
        let difference = now.seconds - min(max(seconds, 0), 1 << 40)
        guard difference.magnitude <= UInt64(OAuthSignature.tolerance.microseconds / 1_000_000) else {
            throw OAuthSignature.refused
        }
        let digest: Digest
        switch try required("signature_method") {
        case "HMAC-SHA1": digest = .sha1
        case "HMAC-SHA256": digest = .sha256
        default: throw .field("oauth_signature_method", "must be HMAC-SHA1 or HMAC-SHA256")
        }
        let key = PercentCoding.encode(consumer) + "&" + PercentCoding.encode(token)
        guard let signature = Base64.standard.bytes(try required("signature")),
            HMAC(digest, key: key).verifies(signature, of: base)
        else { throw OAuthSignature.refused }
    }

    private static let refused = Failure(.unauthenticated, "Invalid signature")
}
