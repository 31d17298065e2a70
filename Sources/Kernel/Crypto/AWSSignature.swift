package import Base

/// A request that was signed in one of AWS's ways, in the parts that whoever received it passes on to have it checked.
package struct AWSRequest: Sendable {
    package var verb: String
    package var host: String
    package var path: String
    package var parameters: [String: String]
    package var headers: [String: String]
    /// SHA-256 of the body in hex. Version 4 signs it.
    package var bodyHash: String?

    package init(
        verb: String, host: String, path: String, parameters: [String: String], headers: [String: String] = [:],
        bodyHash: String? = nil
    ) {
        self.verb = verb
        self.host = host
        self.path = path
        self.parameters = parameters
        self.headers = headers
        self.bodyHash = bodyHash
    }

    func header(_ name: String) -> String? {
        headers[name] ?? headers.first { $0.key.lowercased() == name.lowercased() }?.value
    }
}

/// AWS's signatures, as they are made of what was signed and a secret.
package enum AWSSignature {
    private static let version4 = "AWS4-HMAC-SHA256"

    /// Whether an EC2 request bears this signature. Some clients sign the host without its port, so that is tried too.
    package static func verifies(_ signature: String, of request: AWSRequest, secret: String) throws(Failure) -> Bool {
        if constantTimeEqual(try ec2(request, secret: secret), signature) { return true }
        guard let colon = request.host.lastIndex(of: ":"), !request.host.hasSuffix("]") else { return false }
        var portless = request
        portless.host = String(request.host[..<colon])
        return constantTimeEqual(try ec2(portless, secret: secret), signature)
    }

    /// The signature of an EC2 request, by the version that it says it was signed with.
    package static func ec2(_ request: AWSRequest, secret: String) throws(Failure) -> String {
        switch request.parameters["SignatureVersion"] {
        case "0": return version0(request, secret)
        case "1": return version1(request, secret)
        case "2": return version2(request, secret)
        case nil: break
        case let version?: throw refused("The signature version \(version) is unknown.")
        }
        let authorization = request.header("Authorization") ?? ""
        guard authorization.hasPrefix(version4) || request.parameters["X-Amz-Algorithm"] == version4 else {
            throw refused("The signature is of no known form.")
        }
        return try version4(request, secret)
    }

    /// The signature of an S3 request, from the string that was signed: version 4 when it says so, else version 1.
    package static func s3(_ stringToSign: [UInt8], secret: String) throws(Failure) -> String {
        let text = String(decoding: stringToSign, as: UTF8.self)
        guard text.hasPrefix("AWS4") else { return Base64.standard.text(HMAC(.sha1, key: secret).code(stringToSign)) }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.count == 4, lines[0] == version4 else { throw refused("The string that was signed is malformed.") }
        let scope = try CredentialScope(String(lines[2]))
        guard ["s3", "iam", "sts"].contains(scope.service) else {
            throw refused("S3 does not sign for \(scope.service).")
        }
        return Hex.text(scope.key(secret).code(stringToSign))
    }

    private static func version0(_ request: AWSRequest, _ secret: String) -> String {
        let signed = (request.parameters["Action"] ?? "") + (request.parameters["Timestamp"] ?? "")
        return Base64.standard.text(HMAC(.sha1, key: secret).code(signed))
    }

    private static func version1(_ request: AWSRequest, _ secret: String) -> String {
        let sorted = request.parameters.sorted { ($0.key.lowercased(), $0.key) < ($1.key.lowercased(), $1.key) }
        return Base64.standard.text(HMAC(.sha1, key: secret).code(sorted.map { $0.key + $0.value }.joined()))
    }

    private static func version2(_ request: AWSRequest, _ secret: String) -> String {
        var parameters = request.parameters
        parameters["SignatureMethod"] = "HmacSHA256"
        let signed = "\(request.verb)\n\(request.host)\n\(request.path)\n\(canonicalQuery(parameters))"
        return Base64.standard.text(HMAC(.sha256, key: secret).code(signed))
    }

    private static func version4(_ request: AWSRequest, _ secret: String) throws(Failure) -> String {
        guard let bodyHash = request.bodyHash else { throw refused("The body's hash is missing.") }
        guard let signedHeaders = field("SignedHeaders", of: request),
            let credential = field("Credential", of: request),
            let date = request.header("X-Amz-Date") ?? request.parameters["X-Amz-Date"],
            let slash = credential.firstIndex(of: "/")
        else { throw refused("The signature lacks its signed headers, credential or date.") }
        let scope = try CredentialScope(String(credential[credential.index(after: slash)...]))
        guard date.hasPrefix(scope.date) else { throw refused("The date is not the credential's.") }
        let canonical = [
            request.verb.uppercased(), request.path,
            request.verb.uppercased() == "POST" ? "" : canonicalQuery(request.parameters),
            canonicalHeaders(request, signedHeaders), signedHeaders, bodyHash,
        ]
        let hash = Digest.sha256.hex(canonical.joined(separator: "\n"))
        return Hex.text(scope.key(secret).code("\(version4)\n\(date)\n\(scope.text)\n\(hash)"))
    }

    /// From the header `Authorization: … NAME=value, …`, or from the parameter `X-Amz-NAME`.
    private static func field(_ name: String, of request: AWSRequest) -> String? {
        guard let authorization = request.header("Authorization") else { return request.parameters["X-Amz-\(name)"] }
        for field in authorization.split(whereSeparator: { $0 == "," || $0 == " " }) where field.hasPrefix(name + "=") {
            return String(field.dropFirst(name.count + 1))
        }
        return nil
    }

    private static func canonicalHeaders(_ request: AWSRequest, _ signed: String) -> String {
        let lines = signed.split(separator: ";").compactMap { name in
            request.header(String(name)).map { "\(name):\(trimmed($0))\n" }
        }
        return lines.joined()
    }

    private static func trimmed(_ text: String) -> Substring {
        let start = text.drop { $0 == " " || $0 == "\t" }
        guard let end = start.lastIndex(where: { $0 != " " && $0 != "\t" }) else { return start }
        return start[...end]
    }

    /// Sorted by name, byte by byte, and everything but letters, digits and `-_.~` escaped.
    private static func canonicalQuery(_ parameters: [String: String]) -> String {
        let sorted = parameters.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        return sorted.map { "\(escaped($0.key))=\(escaped($0.value))" }.joined(separator: "&")
    }

    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
                UInt8(ascii: "~"):
                escaped.unicodeScalars.append(Unicode.Scalar(byte))
            default: escaped += "%" + Hex.text([byte]).uppercased()
            }
        }
        return escaped
    }

    fileprivate static func refused(_ message: String) -> Failure { Failure(.unauthenticated, message) }
}

/// `20150830/us-east-1/iam/aws4_request`: what a version 4 key is good for.
private struct CredentialScope {
    let text: String
    let date: String
    let region: String
    let service: String

    init(_ text: String) throws(Failure) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 4, parts[3] == "aws4_request" else {
            throw AWSSignature.refused("The credential's scope is malformed.")
        }
        self.text = text
        date = parts[0]
        region = parts[1]
        service = parts[2]
    }

    /// The key that signs within this scope.
    func key(_ secret: String) -> HMAC {
        var key = HMAC(.sha256, key: "AWS4" + secret)
        for part in [date, region, service, "aws4_request"] { key = HMAC(.sha256, key: key.code(part)) }
        return key
    }
}
