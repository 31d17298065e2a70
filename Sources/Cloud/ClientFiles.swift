import Base

/// The files by which clients find the cloud: `clouds.yaml` and `openrc`, for their owner's eyes only.
struct ClientFiles {
    private let settings: CloudSettings

    init(_ settings: CloudSettings) { self.settings = settings }

    private var cloudsPath: String { settings.data.path + "/clouds.yaml" }
    private var openrcPath: String { settings.data.path + "/openrc" }

    /// Passwords are known once, when the cloud is made; later starts keep those in the files and follow the address.
    func write(_ passwords: (admin: String, demo: String)?) throws(Failure) {
        let known = passwords ?? ((try? passwordsInPlace()) ?? nil)
        guard let known else { return }
        try Files.write(clouds(known), to: cloudsPath)
        try Files.write(openrc(known.admin), to: openrcPath)
    }

    private func passwordsInPlace() throws(Failure) -> (admin: String, demo: String)? {
        let text = String(decoding: try Files.read(cloudsPath), as: UTF8.self)
        let lines = text.split(separator: "\n").filter { $0.contains("password: ") }
        let found = lines.compactMap { line in
            line.firstRange(of: "password: ").map { String(line[$0.upperBound...]).unquoted }
        }
        return found.count == 2 ? (found[0], found[1]) : nil
    }

    /// Where the cloud was reached when it last started.
    func address() throws(Failure) -> String {
        let text = String(decoding: try Files.read(cloudsPath), as: UTF8.self)
        let line = text.split(separator: "\n").first { $0.contains("auth_url: ") }
        guard let line, let start = line.firstRange(of: "auth_url: "), let end = line.firstRange(of: "/identity/v3")
        else {
            throw .invalid("\(cloudsPath) names no cloud.")
        }
        return String(line[start.upperBound..<end.lowerBound])
    }

    private func clouds(_ passwords: (admin: String, demo: String)) -> String {
        "clouds:\n" + cloud("martlet", "admin", "admin", passwords.admin)
            + cloud("martlet-demo", "demo", "demo", passwords.demo)
    }

    private func cloud(_ name: String, _ user: String, _ project: String, _ password: String) -> String {
        """
          \(name):
            auth:
              auth_url: \(settings.url(of: "identity"))/v3
              username: \(user)
              password: \(password.quoted)
              project_name: \(project)
              user_domain_name: Default
              project_domain_name: Default
            region_name: \(settings.region)
            identity_api_version: 3
        \(settings.authority.map { "    cacert: \($0)\n" } ?? "")
        """
    }

    private func openrc(_ password: String) -> String {
        """
        export OS_AUTH_URL=\(settings.url(of: "identity"))/v3
        export OS_USERNAME=admin
        export OS_PASSWORD=\(password.quoted)
        export OS_PROJECT_NAME=admin
        export OS_USER_DOMAIN_NAME=Default
        export OS_PROJECT_DOMAIN_NAME=Default
        export OS_REGION_NAME=\(settings.region)
        export OS_IDENTITY_API_VERSION=3
        \(settings.authority.map { "export OS_CACERT=\($0)\n" } ?? "")
        """
    }
}

extension String {
    /// In single quotes, as both YAML and the shell read them; a quote inside can be in neither, so such a password is
    /// refused when it is set.
    fileprivate var quoted: String { "'" + self + "'" }

    fileprivate var unquoted: String {
        count >= 2 && first == "'" && last == "'" ? String(dropFirst().dropLast()) : self
    }
}
