package import Base

/// Makes tokens for those who act long after a request is over: a workflow in its user's name, a role in its own.
///
/// Nothing of a token is ever stored: it is asked for when it is needed, and the roles are those of that moment.
package protocol TokenIssuer: Sendable {
    /// In the name of a user within a project.
    func token(user: String, project: String) async throws(Failure) -> String
    /// In the cloud's own name, with the roles that services have.
    func serviceToken() async throws(Failure) -> String
}
