import Policy
import Testing

@Suite struct AccessRuleTests {
    private func allows(_ pattern: String, _ path: String) -> Bool {
        AccessRule(id: "1", service: "compute", method: "GET", path: pattern).allows("GET", path, of: ["compute"])
    }

    @Test(arguments: [
        ("/v2.1/servers", "/v2.1/servers"), ("/v2.1/servers/*/ips", "/v2.1/servers/42/ips"),
        ("/v2.1/servers/{id}/ips", "/v2.1/servers/42/ips"), ("/v2.1/**", "/v2.1/servers/42/ips"),
        ("/v2.1/**/ips", "/v2.1/servers/42/ips"), ("/v2.1/serv*", "/v2.1/servers"), ("/**", "/"),
    ])
    func aPatternTakesWhatItSays(_ pattern: String, _ path: String) { #expect(allows(pattern, path)) }

    @Test(arguments: [
        ("/v2.1/servers", "/v2.1/servers/42"), ("/v2.1/servers", "/v2/1/servers"), ("/v2.1/*", "/v2.1/servers/42"),
        ("/v2.1/servers/*", "/v2.1/servers/"), ("/v2.1/{id}", "/v2.1/a/b"), ("/v2x1", "/v2.1"), ("/{id", "/1"),
        ("/v2.1/**/ips", "/v2.1/servers/42"),
    ])
    func andNothingElse(_ pattern: String, _ path: String) { #expect(!allows(pattern, path)) }

    @Test func methodAndServiceCountToo() {
        let rule = AccessRule(id: "1", service: "volumev3", method: "GET", path: "/v3/volumes")
        #expect(rule.allows("GET", "/v3/volumes", of: ["block-storage", "volumev3"]))
        #expect(!rule.allows("POST", "/v3/volumes", of: ["volumev3"]))
        #expect(!rule.allows("GET", "/v3/volumes", of: ["compute"]))
    }
}
