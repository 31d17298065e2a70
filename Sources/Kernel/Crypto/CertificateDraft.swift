package import Base
import COpenSSL

/// What a certificate is to say, before anyone signs it.
package struct CertificateDraft: Sendable {
    package enum Use: Sendable, Hashable {
        /// Signs others' certificates.
        case authority
        case server
        case client
    }

    package var commonName: String
    package var uses: Set<Use>
    package var names: [String]
    package var addresses: [IPAddress]
    package var notBefore: Moment
    package var notAfter: Moment

    package init(
        commonName: String, uses: Set<Use>, names: [String] = [], addresses: [IPAddress] = [], notBefore: Moment,
        notAfter: Moment
    ) {
        self.commonName = commonName
        self.uses = uses
        self.names = names
        self.addresses = addresses
        self.notBefore = notBefore
        self.notAfter = notAfter
    }

    /// Signed with the very key that it speaks of.
    package func selfSigned(by key: PrivateKey, chance: any Chance) throws(Failure) -> Certificate {
        try signed(for: key.handle.pointer, by: key, issuer: nil, chance)
    }

    /// For the holder of a key, signed by an authority.
    package func signed(
        for holder: PrivateKey, by key: PrivateKey, of authority: Certificate, chance: any Chance
    ) throws(Failure) -> Certificate {
        try signed(for: holder.handle.pointer, by: key, issuer: authority, chance)
    }

    /// For whoever made a signing request, whose key stays with them. Only the key is taken from the request: what the
    /// certificate says is ours to decide.
    package func signed(
        forRequest pem: String, by key: PrivateKey, of authority: Certificate, chance: any Chance
    ) throws(Failure) -> Certificate {
        guard let request = Memory.read(pem, { PEM_read_bio_X509_REQ($0, nil, nil, nil) }) else {
            throw .invalid("The certificate signing request is no PEM.")
        }
        defer { X509_REQ_free(request) }
        guard let holder = X509_REQ_get0_pubkey(request), X509_REQ_verify(request, holder) == 1 else {
            ERR_clear_error()
            throw .invalid("The certificate signing request is not signed with its own key.")
        }
        return try signed(for: holder, by: key, issuer: authority, chance)
    }

    private func signed(
        for holder: OpaquePointer, by key: PrivateKey, issuer: Certificate?, _ chance: any Chance
    ) throws(Failure) -> Certificate {
        if let issuer, !issuer.belongs(to: key) { throw .invalid("The signing key is not the authority's.") }
        let pointer: OpaquePointer = must(X509_new())
        let certificate = Certificate(pointer)
        must(X509_set_version(pointer, 2))
        setSerial(of: pointer, chance)
        _ = must(ASN1_TIME_set(X509_getm_notBefore(pointer), Int(notBefore.seconds)))
        _ = must(ASN1_TIME_set(X509_getm_notAfter(pointer), Int(notAfter.seconds)))
        try setSubject(of: pointer)
        must(X509_set_issuer_name(pointer, X509_get_subject_name(issuer?.handle.pointer ?? pointer)))
        must(X509_set_pubkey(pointer, holder))
        try extend(pointer, issuer: issuer?.handle.pointer ?? pointer)
        guard X509_sign(pointer, key.handle.pointer, key.signingDigest) > 0 else {
            throw .bug("OpenSSL would not sign a certificate.")
        }
        return certificate
    }

    /// 127 random bits: a serial number must be positive, and no authority may use one twice.
    private func setSerial(of certificate: OpaquePointer, _ chance: any Chance) {
        var bytes = chance.bytes(16)
        bytes[0] = bytes[0] & 0x7F | 0x40
        let number: OpaquePointer = must(BN_bin2bn(bytes, Int32(bytes.count), nil))
        defer { BN_free(number) }
        _ = must(BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)))
    }

    private func setSubject(of certificate: OpaquePointer) throws(Failure) {
        let name = Array(commonName.utf8)
        let subject = X509_get_subject_name(certificate)
        guard X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, name, Int32(name.count), -1, 0) == 1 else {
            ERR_clear_error()
            throw .invalid("\"\(commonName)\" is no common name: it has 1 to 64 letters.")
        }
    }

    private func extend(_ certificate: OpaquePointer, issuer: OpaquePointer) throws(Failure) {
        var context = X509V3_CTX()
        X509V3_set_ctx(&context, issuer, certificate, nil, nil, 0)
        for (extensionID, value) in try extensions() {
            guard let made = X509V3_EXT_conf_nid(nil, &context, extensionID, value) else {
                ERR_clear_error()
                throw .bug("OpenSSL takes no extension \(value).")
            }
            defer { X509_EXTENSION_free(made) }
            must(X509_add_ext(certificate, made, -1))
        }
    }

    /// In OpenSSL's own notation.
    private func extensions() throws(Failure) -> [(Int32, String)] {
        let isAuthority = uses.contains(.authority)
        var extensions: [(Int32, String)] = [
            (NID_basic_constraints, isAuthority ? "critical,CA:TRUE" : "critical,CA:FALSE"),
            (
                NID_key_usage,
                isAuthority ? "critical,keyCertSign,cRLSign,digitalSignature" : "critical,digitalSignature"
            ),
            (NID_subject_key_identifier, "hash"), (NID_authority_key_identifier, "keyid"),
        ]
        let purposes = [(Use.server, "serverAuth"), (.client, "clientAuth")].filter { uses.contains($0.0) }.map(\.1)
        if !purposes.isEmpty { extensions.append((NID_ext_key_usage, purposes.joined(separator: ","))) }
        for name in names where !Self.isName(name) { throw .invalid("\"\(name)\" is no host name.") }
        let hosts = names.map { "DNS:\($0)" } + addresses.map { "IP:\($0)" }
        if !hosts.isEmpty { extensions.append((NID_subject_alt_name, hosts.joined(separator: ","))) }
        return extensions
    }

    /// Letters, digits, `-`, `.` and `*`: anything else could smuggle another extension into OpenSSL's notation.
    private static func isName(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.count <= 253
            && name.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "*"):
                    true
                default: false
                }
            }
    }
}
