import Base
package import Crypto

/// Where the keys come from that tokens are sealed with: a directory that may change while we run.
package protocol TokenKeys: Sendable {
    var keys: FernetKeys { get }
}

extension KeyRing: TokenKeys {}

/// The form in which a token travels: Keystone's own payloads, packed and sealed, so that keys may be shared with one.
struct TokenSeal: Sendable {
    let keys: any TokenKeys
    let chance: any Chance

    func seal(_ content: TokenContent) -> String {
        keys.keys.seal(content.packed.bytes, at: content.issued, chance: chance, padded: false)
    }

    /// Nil for whatever was not sealed with one of the keys, or has something else inside.
    func open(_ text: String) -> TokenContent? {
        guard let opened = keys.keys.open(text), let packed = try? MessagePack(opened.payload) else { return nil }
        return TokenContent(packed, issued: opened.sealed)
    }
}

extension TokenContent {
    fileprivate enum Version: Int64 {
        case unscoped = 0
        case domain = 1
        case project = 2
        case system = 8
    }

    fileprivate var packed: MessagePack {
        let user = MessagePack(id: user.text)
        let methods = MessagePack.integer(methods.reduce(0) { $0 | $1.bit })
        let expires = MessagePack.number(Double(expires.microseconds) / 1_000_000)
        let audit = MessagePack.array(auditIDs.map { .binary(Base64.url.unpadded.bytes($0) ?? []) })
        switch target {
        case .unscoped: return .array([.integer(Version.unscoped.rawValue), user, methods, expires, audit])
        case .domain(let id):
            let domain = UUID(id.text).map { MessagePack.binary($0.bytes) } ?? .string(id.text)
            return .array([.integer(Version.domain.rawValue), user, methods, domain, expires, audit])
        case .project(let id):
            return .array([.integer(Version.project.rawValue), user, methods, MessagePack(id: id.text), expires, audit])
        case .system: return .array([.integer(Version.system.rawValue), user, methods, "all", expires, audit])
        }
    }

    fileprivate init?(_ packed: MessagePack, issued: Moment) {
        guard let parts = packed.array, let version = parts.first?.integer.flatMap(Version.init), parts.count >= 5,
            let user = parts[1].id, let methods = parts[2].integer
        else { return nil }
        let rest = version == .unscoped ? parts[3...] : parts[4...]
        guard rest.count >= 2, let expires = rest[rest.startIndex].seconds, let audit = rest[rest.startIndex + 1].array
        else {
            return nil
        }
        switch version {
        case .unscoped: target = .unscoped
        case .system: target = .system
        case .domain:
            guard let id = parts[3].string ?? parts[3].binary.flatMap({ UUID(bytes: $0)?.hex }) else { return nil }
            target = .domain(ID(id))
        case .project:
            guard let id = parts[3].id else { return nil }
            target = .project(ID(id))
        }
        self.user = ID(user)
        self.methods = TokenMethod.allCases.filter { methods & $0.bit != 0 }
        self.issued = issued
        self.expires = expires
        auditIDs = audit.compactMap { $0.binary.map { Base64.url.unpadded.text($0) } }
    }
}

extension MessagePack {
    /// An id is packed as the bytes of a UUID where it is one, and says so.
    fileprivate init(id: String) {
        if id.utf8.count == 32, let uuid = UUID(id) {
            self = .array([true, .binary(uuid.bytes)])
        } else {
            self = .array([false, .string(id)])
        }
    }

    fileprivate var id: String? {
        guard let pair = array, pair.count == 2 else { return nil }
        if pair[0].bool == true { return pair[1].binary.flatMap { UUID(bytes: $0)?.hex } }
        return pair[1].string ?? pair[1].binary.map { String(decoding: $0, as: UTF8.self) }
    }

    fileprivate var seconds: Moment? {
        let seconds = number ?? integer.map { Double($0) }
        guard let seconds, seconds.magnitude < 1e12 else { return nil }
        return Moment(microseconds: Int64((seconds * 1_000_000).rounded()))
    }
}
