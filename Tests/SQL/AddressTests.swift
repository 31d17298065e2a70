import Base
import SQL
import Testing

@Suite struct AddressTests {
    @Test func allPartsAreRead() throws {
        let address = try MySQLAddress(
            url: "mysql://no%40va:s%3Ae%2Fcret@db.example.org:3307/nova?connections=4&tls=verify&ca=/a%20b.pem")
        #expect(address.user == "no@va")
        #expect(address.password == "s:e/cret")
        #expect(address.host == "db.example.org")
        #expect(address.port == 3_307)
        #expect(address.database == "nova")
        #expect(address.connections == 4)
        #expect(address.tls == .verify)
        #expect(address.ca == "/a b.pem")
    }

    @Test func mostPartsHaveDefaults() throws {
        let address = try MySQLAddress(url: "mariadb://nova@[::1]/nova")
        #expect(address.host == "::1")
        #expect(address.port == 3_306)
        #expect(address.password.isEmpty)
        #expect(address.tls == .off)
        #expect(try MySQLAddress(url: "mysql://nova@[::1]:33/nova").port == 33)
    }

    @Test(arguments: [
        "postgresql://nova@db/nova", "mysql://db/nova", "mysql://nova@db", "mysql://nova@db:port/nova",
        "mysql://nova@/nova",
        "mysql://nova@db/nova?tls=maybe", "mysql://nova@db/nova?colour=red", "mysql://no%4va@db/nova",
        "mysql://nova@db/nova?connections=0",
    ])
    func whatMakesNoSenseIsRefused(_ url: String) {
        #expect(throws: Failure.self) { try MySQLAddress(url: url) }
    }

    @Test func thePasswordIsNeverPrinted() throws {
        let address = try MySQLAddress(url: "mysql://nova:secret@db/nova")
        var dumped = ""
        dump(Database.Location.mysql(address), to: &dumped)
        #expect(!("\(address)" + String(reflecting: address) + dumped).contains("secret"))
    }

    @Test func anythingElseIsAFile() throws {
        guard case .file("/var/lib/martlet/db") = try Database.Location("/var/lib/martlet/db") else {
            Issue.record("a path is a file")
            return
        }
    }
}
