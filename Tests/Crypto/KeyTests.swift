import Base
import Crypto
import Foundation
import Testing

@Suite struct KeyTests {
    /// Keys whose secrets are no secrets, with what secure shell makes of them.
    static let ed25519 = """
        -----BEGIN PRIVATE KEY-----
        MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f
        -----END PRIVATE KEY-----

        """
    static let p256 = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgABI0VniQq83vEjRW
        eJCrze8SNFZ4kKvN7xI0VniQq82hRANCAAQtViphfp37BDfWYToDhvu5wkGOjolX
        1Nep/XsVGIgyejjs19m2sWZ0bYW5dPuKa5/SurOLmkDt22AIo4DQeGzP
        -----END PRIVATE KEY-----

        """
    static let known = [
        (
            ed25519, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
            "f1:02:17:de:ef:c1:30:83:11:8b:82:a0:0e:67:7f:d5"
        ),
        (
            p256,
            "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBC1WKmF+nfsEN9ZhOgOG+7nCQY6OiVfU16n9exUYiDJ6"
                + "OOzX2baxZnRthbl0+4prn9K6s4uaQO3bYAijgNB4bM8=", "03:37:d4:2f:26:1b:8e:cf:f4:76:fc:af:3c:9d:f5:77"
        ),
    ]

    @Test(arguments: known) func aKeyHasThePublicTextThatOthersGiveIt(pem: String, text: String, fingerprint: String)
        throws
    {
        let key = try PrivateKey(pem: pem)
        let open = SSHPublicKey(of: key, comment: "")
        #expect(open.text == text)
        #expect(open.fingerprint == fingerprint)
        #expect(key.pem == pem)
        #expect(try SSHPublicKey(text + " alice@laptop\n") == SSHPublicKey(of: key, comment: "alice@laptop"))
    }

    static let kinds: [PrivateKey.Kind] = [.ed25519, .p256, .rsa(bits: 2_048)]

    @Test(arguments: kinds) func aNewKeyIsReadBack(kind: PrivateKey.Kind) throws {
        let key = try PrivateKey.make(kind)
        #expect(key.kind == kind)
        #expect(try PrivateKey(pem: key.pem).pem == key.pem)
        #expect(try PrivateKey.make(kind).pem != key.pem)
        let open = SSHPublicKey(of: key, comment: "a b")
        #expect(try SSHPublicKey(open.text) == open)
    }

    @Test func anRSAKeyHasTheOlderFormToo() throws {
        let key = try PrivateKey.make(.rsa(bits: 2_048))
        #expect(key.traditionalPEM.hasPrefix("-----BEGIN RSA PRIVATE KEY-----\n"))
        #expect(try PrivateKey(pem: key.traditionalPEM).pem == key.pem)
    }

    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/ssh-keygen")), arguments: kinds)
    func secureShellReadsItsOwnForm(kind: PrivateKey.Kind) throws {
        let key = try PrivateKey.make(kind)
        let path = NSTemporaryDirectory() + "martlet-key-\(SystemChance().next())"
        let text = Data(key.openSSH(comment: "a comment", chance: SystemChance()).utf8)
        #expect(FileManager.default.createFile(atPath: path, contents: text, attributes: [.posixPermissions: 0o600]))
        defer { try? FileManager.default.removeItem(atPath: path) }
        let keygen = Process()
        let output = Pipe()
        keygen.executableURL = URL(fileURLWithPath: "/usr/bin/ssh-keygen")
        keygen.arguments = ["-y", "-f", path]
        keygen.standardOutput = output
        try keygen.run()
        let printed = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        keygen.waitUntilExit()
        #expect(printed == SSHPublicKey(of: key, comment: "a comment").text + "\n")
    }

    @Test func theOpenSSHFormHasLinesOfSeventy() throws {
        let text = try PrivateKey(pem: Self.ed25519).openSSH(comment: "c", chance: SeededChance(seed: 1))
        let lines = text.split(separator: "\n")
        #expect(lines.first == "-----BEGIN OPENSSH PRIVATE KEY-----")
        #expect(lines.last == "-----END OPENSSH PRIVATE KEY-----")
        #expect(lines.dropFirst().dropLast(2).allSatisfy { $0.count == 70 })
    }

    @Test(arguments: [
        "", "ssh-ed25519", "ssh-ed25519 AAAA",
        "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVQ==",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4AAAA",
        "ssh-magic AAAACXNzaC1tYWdpYw==",
        "ssh-rsa !!!!",
    ])
    func whatIsNoPublicKeyIsRefused(text: String) {
        #expect(throws: Failure.self) { try SSHPublicKey(text) }
    }

    @Test(arguments: [
        "", "no pem",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIGjMF8GCSqGSIb3DQEFDTBSMDEGCSqGSIb3DQEFDDAkBBA=\n-----END ENCRYPTED PRIVATE KEY-----\n",
    ])
    func whatIsNoPrivateKeyIsRefused(pem: String) {
        #expect(throws: Failure.self) { try PrivateKey(pem: pem) }
    }

    @Test func aShortRSAKeyIsRefused() { #expect(throws: Failure.self) { try PrivateKey.make(.rsa(bits: 1_024)) } }
}
