import Base
import Testing

@Suite struct AddressTests {
    @Test(arguments: ["0.0.0.0", "10.0.0.1", "255.255.255.255", "::", "::1", "2001:db8::1", "fe80::f816:3eff:fe00:1"])
    func anAddressIsWrittenAsItWasRead(text: String) {
        #expect(IPAddress(text)?.description == text)
    }

    @Test(arguments: [
        "", ".", "1.2.3", "1.2.3.", ".1.2.3", "1..2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "00.2.3.4", "+1.2.3.4",
        "1.2.3.4 ", "1.2.3.a", "1.2.3.４", "1:2", ":::", "1::2::3", "2001:db8::12345", "::1.2.3",
    ])
    func whatIsNoAddressIsNone(text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test(arguments: ["0.0.0.0/0", "10.0.0.0/8", "10.1.2.3/32", "2001:db8::/64", "::/0"])
    func aNetworkIsWrittenAsItWasRead(text: String) {
        #expect(IPNetwork(text)?.description == text)
    }

    @Test func anAddressAloneIsANetworkOfOne() {
        #expect(IPNetwork("10.0.0.1")?.prefix == 32)
        #expect(IPNetwork("2001:db8::1")?.prefix == 128)
    }

    @Test(arguments: ["10.0.0.0/", "10.0.0.0/33", "10.0.0.0/08", "10.0.0.0/-1", "10.0.0.0/8/8", "/8", "::/129", "x/8"])
    func whatIsNoNetworkIsNone(text: String) {
        #expect(IPNetwork(text) == nil)
    }
}
