package import Base
package import HTTP

extension VersionRange {
    /// The version that a request asks for; the oldest when it doesn't say.
    package func negotiate(_ headers: HTTPHeaders) throws(Failure) -> Microversion {
        guard let asked = asked(in: headers) else { return oldest }
        if asked.equalsIgnoringCase("latest") { return newest }
        guard let version = Microversion(asked) else {
            throw Failure(
                .invalid, "API Version String '\(asked)' is of invalid format. It must be of format Major.Minor.",
                cause: VersionRefusal(asked: asked, range: self))
        }
        guard version >= oldest, version <= newest else {
            throw Failure(
                .notAcceptable,
                "Version \(version) is not supported by the API. Minimum is \(oldest) and maximum is \(newest).",
                cause: VersionRefusal(asked: asked, range: self))
        }
        return version
    }

    private func asked(in headers: HTTPHeaders) -> String? {
        guard let headerName else { return nil }
        // One header may speak to several services: "compute 2.1, placement 1.39".
        for part in (headers["openstack-api-version"] ?? "").split(separator: ",") {
            let words = part.split(separator: " ")
            if words.count == 2, String(words[0]).equalsIgnoringCase(headerName) { return String(words[1]) }
        }
        return olderHeader.flatMap { headers[$0] }
    }

    /// What every answer says of the version it was made by.
    package func describe(_ version: Microversion, in headers: inout HTTPHeaders) {
        guard let headerName else { return }
        headers.append("OpenStack-API-Version", "\(headerName) \(version)")
        var vary = "openstack-api-version"
        if let olderHeader {
            headers.append(olderHeader, version.description)
            vary += ", " + olderHeader
        }
        headers.append("Vary", vary)
    }
}

/// The cause of a refused version, for dialects that say more of it.
package struct VersionRefusal: Error {
    package let asked: String
    package let range: VersionRange
}
