package import Base
package import Bus

/// Makes tokens for those who act long after a request is over: a workflow in its user's name, a role in its own.
///
/// Nothing of a token is ever stored: it is asked for when it is needed, and the roles are those of that moment.
package protocol TokenIssuer: Sendable {
    /// In the name of a user within a project.
    func token(user: String, project: String) async throws(Failure) -> String
    /// In the cloud's own name, with the roles that services have.
    func serviceToken() async throws(Failure) -> String
}

/// Tokens for the processes that have no store of users: those with an identity service make them.
package enum TokenMessages {
    package static let issue = Message<TokenRequest, JSON>(topic: "identity", name: "make a token")
}

/// For a user within a project; for the cloud itself where neither is named.
package struct TokenRequest: JSONCoded {
    package let user: String?
    package let project: String?

    package init(user: String?, project: String?) {
        self.user = user
        self.project = project
    }

    package init(_ json: JSON) throws(Failure) {
        self.init(user: json["user"]?.string, project: json["project"]?.string)
    }

    package var json: JSON { ["user": JSON(user), "project": JSON(project)] }
}
