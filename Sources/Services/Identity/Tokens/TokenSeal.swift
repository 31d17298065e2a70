package import Base
package import Crypto

/// Where the keys come from that tokens are sealed with: a directory that may change while we run.
package protocol TokenKeys: Sendable {
    var keys: FernetKeys { get }
    /// Looks whether somebody changed them; true when so. Blocks.
    func refresh() throws(Failure) -> Bool
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
        case trust = 3
        case accessToken = 7
        case system = 8
        case applicationCredential = 9
    }

    fileprivate var packed: MessagePack {
        let head = [MessagePack(id: user.text), .integer(methods.reduce(0) { $0 | $1.bit })]
        let tail: [MessagePack] = [
            .number(Double(expires.microseconds) / 1_000_000),
            .array(auditIDs.map { .binary(Base64.url.unpadded.bytes($0) ?? []) }),
        ]
        switch target {
        case .unscoped: return TokenContent.packed(.unscoped, head + tail)
        case .domain(let id): return TokenContent.packed(.domain, head + [MessagePack(bareID: id.text)] + tail)
        case .system: return TokenContent.packed(.system, head + ["all"] + tail)
        case .project(let id):
            let project = MessagePack(id: id.text)
            let parts = head + [project] + tail
            switch delegation {
            case nil: return TokenContent.packed(.project, parts)
            case .trust(let trust): return TokenContent.packed(.trust, parts + [MessagePack(bareID: trust.text)])
            case .accessToken(let token):
                return TokenContent.packed(.accessToken, head + [project, MessagePack(id: token.text)] + tail)
            case .applicationCredential(let credential):
                return TokenContent.packed(.applicationCredential, parts + [MessagePack(id: credential.text)])
            }
        }
    }

    private static func packed(_ version: Version, _ parts: [MessagePack]) -> MessagePack {
        .array([.integer(version.rawValue)] + parts)
    }

    fileprivate init?(_ packed: MessagePack, issued: Moment) {
        guard var parts = packed.array?[...], let version = parts.popFirst()?.integer.flatMap(Version.init),
            let user = parts.popFirst()?.id, let methods = parts.popFirst()?.integer
        else { return nil }
        switch version {
        case .unscoped: target = .unscoped
        case .system:
            guard parts.popFirst() != nil else { return nil }
            target = .system
        case .domain:
            guard let id = parts.popFirst()?.bareID else { return nil }
            target = .domain(ID(id))
        case .project, .trust, .applicationCredential:
            guard let id = parts.popFirst()?.id else { return nil }
            target = .project(ID(id))
        case .accessToken:
            guard let id = parts.popFirst()?.id, let token = parts.popFirst()?.id else { return nil }
            target = .project(ID(id))
            delegation = .accessToken(ID(token))
        }
        guard let expires = parts.popFirst()?.seconds, let audit = parts.popFirst()?.array else { return nil }
        switch version {
        case .trust:
            guard let id = parts.popFirst()?.bareID else { return nil }
            delegation = .trust(ID(id))
        case .applicationCredential:
            guard let id = parts.popFirst()?.id else { return nil }
            delegation = .applicationCredential(ID(id))
        default: break
        }
        self.user = ID(user)
        self.methods = TokenMethod.allCases.filter { methods & $0.bit != 0 }
        self.issued = issued
        self.expires = expires
        auditIDs = audit.compactMap { $0.binary.map { Base64.url.unpadded.text($0) } }
    }
}

// MARK: Receipts

extension TokenSeal {
    /// A receipt has its user where a token has its version, so that neither can be taken for the other.
    func seal(_ receipt: Receipt) -> String {
        let packed: MessagePack = .array([
            MessagePack(id: receipt.user.text), .integer(receipt.methods.reduce(0) { $0 | $1.bit }),
            .number(Double(receipt.expires.microseconds) / 1_000_000),
        ])
        return keys.keys.seal(packed.bytes, at: receipt.issued, chance: chance, padded: false)
    }

    func openReceipt(_ text: String) -> Receipt? {
        guard let opened = keys.keys.open(text), let parts = try? MessagePack(opened.payload).array, parts.count == 3,
            let user = parts[0].id, let methods = parts[1].integer, let expires = parts[2].seconds
        else { return nil }
        return Receipt(
            user: ID(user), methods: TokenMethod.allCases.filter { methods & $0.bit != 0 }, issued: opened.sealed,
            expires: expires)
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

    /// An id that is nearly always a UUID, and doesn't say so.
    fileprivate init(bareID id: String) {
        self = UUID(id).map { .binary($0.bytes) } ?? .string(id)
    }

    fileprivate var bareID: String? { string ?? binary.flatMap { UUID(bytes: $0)?.hex } }

    fileprivate var seconds: Moment? {
        let seconds = number ?? integer.map { Double($0) }
        guard let seconds, seconds.magnitude < 1e12 else { return nil }
        return Moment(microseconds: Int64((seconds * 1_000_000).rounded()))
    }
}
