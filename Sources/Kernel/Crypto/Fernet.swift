package import Base

/// One Fernet key: 16 bytes to sign with and 16 to hide with, written as 44 characters of URL-safe base 64.
package struct FernetKey: Sendable, Hashable {
    package let text: String
    fileprivate let signing: [UInt8]
    fileprivate let hiding: [UInt8]

    package init(_ text: String) throws(Failure) {
        guard let bytes = Base64.url.bytes(text), bytes.count == 32 else {
            throw .invalid("A Fernet key is 32 bytes in URL-safe base 64.")
        }
        self.init(text, bytes)
    }

    package init(_ chance: any Chance) {
        let bytes = chance.bytes(32)
        self.init(Base64.url.text(bytes), bytes)
    }

    private init(_ text: String, _ bytes: [UInt8]) {
        self.text = text
        signing = Array(bytes[0..<16])
        hiding = Array(bytes[16..<32])
    }
}

extension FernetKey: CustomStringConvertible {
    /// Not the key, so that no log ever shows one.
    package var description: String { "FernetKey" }
}

/// Seals and opens by the public Fernet specification: version 0x80, the time in seconds, a random vector, AES-128-CBC,
/// and an HMAC-SHA256 over all of that.
///
/// Keys come in order: the first seals, any may open.
package struct FernetKeys: Sendable {
    /// What a token held, and when it was sealed.
    package struct Opened: Sendable {
        package let payload: [UInt8]
        package let sealed: Moment
    }

    private struct Entry: Sendable {
        let signature: HMAC
        let cipher: AESCBC

        init(_ key: FernetKey) throws(Failure) {
            signature = HMAC(.sha256, key: key.signing)
            cipher = try AESCBC(key: key.hiding)
        }
    }

    private static let version: UInt8 = 0x80
    /// Version, time, vector.
    private static let headLength = 1 + 8 + 16
    private static let codeLength = 32
    /// How far another machine's clock may be ahead of ours, by the specification.
    private static let greatestSkew = Duration.seconds(60)

    package let keys: [FernetKey]
    private let primary: Entry
    private let others: [Entry]

    package init(_ keys: [FernetKey]) throws(Failure) {
        guard let first = keys.first else { throw .invalid("There must be a Fernet key to seal with.") }
        self.keys = keys
        primary = try Entry(first)
        var others: [Entry] = []
        for key in keys.dropFirst() { others.append(try Entry(key)) }
        self.others = others
    }

    /// Keystone leaves the padding out of its tokens, since `=` has a meaning in URLs; the specification has it in.
    package func seal(_ payload: [UInt8], at moment: Moment, chance: any Chance, padded: Bool = true) -> String {
        let iv = chance.bytes(AESCBC.blockSize)
        let signed = Self.headLength + AESCBC.sealedLength(payload.count)
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: signed + Self.codeLength) { token in
            guard let start = token.baseAddress else { return "" }
            token.initialize(repeating: 0)
            token[0] = Self.version
            let seconds = UInt64(bitPattern: moment.seconds)
            for place in 0..<8 { token[1 + place] = UInt8(truncatingIfNeeded: seconds >> UInt64(56 - 8 * place)) }
            for place in 0..<AESCBC.blockSize { token[9 + place] = iv[place] }
            primary.cipher.seal(payload, iv: iv, to: start + Self.headLength)
            primary.signature.write(UnsafeRawBufferPointer(start: start, count: signed), to: start + signed)
            let form = padded ? Base64.url : Base64.url.unpadded
            return form.text(UnsafeRawBufferPointer(token))
        }
    }

    /// Nil for anything that none of these keys sealed. The padding may be missing.
    package func open(_ token: String) -> Opened? {
        guard let bytes = Base64.url.lenientlyPadded.bytes(token) else { return nil }
        return bytes.withUnsafeBufferPointer { open($0) }
    }

    /// Nil also when it was sealed longer ago than `lifetime`, or by a clock too far ahead.
    package func open(_ token: String, now: Moment, lifetime: Duration) -> Opened? {
        guard let opened = open(token) else { return nil }
        guard opened.sealed + lifetime >= now, opened.sealed <= now + Self.greatestSkew else { return nil }
        return opened
    }

    private func open(_ token: UnsafeBufferPointer<UInt8>) -> Opened? {
        let signed = token.count - Self.codeLength
        guard signed >= Self.headLength + AESCBC.blockSize, token[0] == Self.version else { return nil }
        guard let entry = entry(that: token, signed: signed) else { return nil }
        let iv = UnsafeBufferPointer(rebasing: token[9..<Self.headLength])
        let hidden = UnsafeBufferPointer(rebasing: token[Self.headLength..<signed])
        guard let payload = entry.cipher.open(hidden, iv: iv) else { return nil }
        let seconds = token[1..<9].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard seconds < Self.endOfTime else { return nil }
        return Opened(payload: payload, sealed: Moment(seconds: Int64(seconds)))
    }

    /// Beyond this, seconds no longer fit a moment.
    private static let endOfTime: UInt64 = 1 << 43

    private func entry(that token: UnsafeBufferPointer<UInt8>, signed: Int) -> Entry? {
        if Self.verifies(primary, token, signed) { return primary }
        return others.first { Self.verifies($0, token, signed) }
    }

    private static func verifies(_ entry: Entry, _ token: UnsafeBufferPointer<UInt8>, _ signed: Int) -> Bool {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: codeLength) { code in
            guard let start = code.baseAddress else { return false }
            entry.signature.write(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: token[..<signed])), to: start)
            return constantTimeEqual(
                UnsafeRawBufferPointer(code), UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(token)[signed...])
            )
        }
    }
}
