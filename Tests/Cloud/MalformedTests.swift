import API
import Base
import HTTP
import Testing

@testable import Cloud

/// Requests that make no sense, of every kind, to every endpoint: each is answered by a 4xx at worst.
@Suite struct MalformedTests {
    @Test func littleNonsenseMakesNoServiceFail() async throws { try await Self.send(1_000) }

    static func send(_ count: Int) async throws {
        try await RunningCloud.with { running in
            var nonsense = Nonsense(chance: SeededChance(seed: 20_262), token: running.token)
            let endpoints = running.cloud.services.flatMap { service in service.endpoints.map { (service, $0) } }
            var failures: [String: String] = [:]
            var answers: [Int: Int] = [:]
            for number in 0..<count {
                let (service, endpoint) = endpoints[number % endpoints.count]
                let (request, body) = nonsense.request(service.name, endpoint)
                let response = await running.cloud.respond(to: request)
                answers[response.status, default: 0] += 1
                let place = "\(service.name) \(endpoint.method) \(endpoint.path)"
                if response.status >= 400, request.method != "HEAD" {
                    let said = try await response.collect(limit: 1 << 20)
                    if !isRefusal(said, by: service.name, response.status) {
                        let text = String(decoding: said.prefix(300), as: UTF8.self)
                        failures[place] = "\(response.status) to \(request.target) in other words: \(text)"
                    }
                }
                // What needs a service that isn't there says so: that is no failure.
                guard response.status >= 500, response.status != 501 else { continue }
                failures[place] = "\(response.status) to \(request.method) \(request.target) \(body.prefix(300))"
            }
            for failure in failures.sorted(by: { $0.key < $1.key }) {
                Issue.record("\(failure.key): \(failure.value)")
            }
            // They got far enough in for that to mean something.
            #expect(answers[400, default: 0] > count / 5)
            #expect(answers[401, default: 0] < count / 5, "\(answers)")
        }
    }

    /// Whether it says what was wrong, where clients of that service look for it.
    private static func isRefusal(_ bytes: [UInt8], by service: String, _ status: Int) -> Bool {
        guard let json = try? JSONReader.read(bytes) else { return false }
        let words: String? =
            switch service {
            case "identity": json["error"]?["code"] == JSON(status) ? json["error"]?["message"]?.string : nil
            case "image": json["code"]?.string?.hasPrefix("\(status) ") == true ? json["message"]?.string : nil
            case "placement":
                json["errors"]?.array?.first?["status"] == JSON(status)
                    ? json["errors"]?.array?.first?["detail"]?.string : nil
            case "network": (json["NeutronError"] ?? json["error"])?["message"]?.string
            default:
                json.object?.members.first?.value["code"] == JSON(status)
                    ? json.object?.members.first?.value["message"]?.string : nil
            }
        return words?.isEmpty == false
    }

    @Test func aPathThatIsNoTextIsRefusedByWhoseItIs() async throws {
        try await RunningCloud.with { running in
            let answer = try await running.send("GET", "/compute/v2.1/servers/%ff")
            #expect(answer.status == 400)
            let words = answer.json["badRequest"]?["message"]?.string
            #expect(words == "The path has a malformed percent-encoding: %ff")
        }
    }
}

@Suite struct MalformedLongTests {
    @Test func muchNonsenseMakesNoServiceFail() async throws { try await MalformedTests.send(10_000) }
}

/// Makes requests up: what an endpoint takes, with something wrong somewhere, or nothing that looks like it at all.
private struct Nonsense {
    let chance: SeededChance
    let token: String

    private static let names = [
        "x", "0", "-1", "%00", "%ff", "..", "%2e%2e", "a%0ab", "%c3%a4", "null", "6f1c1f6e0b9c4a0d8f1f0e0d0c0b0a09",
        "6f1c1f6e-0b9c-4a0d-8f1f-0e0d0c0b0a09", String(repeating: "z", count: 300), "a'b\"c", "detail", "default",
    ]
    private static let queries = [
        "limit=-1", "limit=x", "limit=99999999999999999999", "limit=0", "marker=zz", "sort=nope:sideways",
        "sort_key=nope", "sort_key=id&sort_dir=up", "%zz", "name=%00", "name", "=", "&&&", "status=%ff",
        "changes-since=yesterday", "fields=nope", "name__contains=%25", "created_at=gt:x", "all_tenants=maybe",
        "limit=1&limit=2", "with_count=x", "id=a&id=b", "tags=,,", "resources=VCPU:-1", "member_of=in:", "domain_id=",
        "project_id=", "user.id=x&role.id=", "size_min=x", "ip_address=x", "fixed_ips=x", "is_public=perhaps",
    ]
    private static let texts = [
        "", "{", "[]", "null", "\"x\"", "{\"a\": }", "{\"a\": 1, \"a\": 2}", "\u{FEFF}{}", "{\"x\": 1e999}",
        String(repeating: "[", count: 2_000), "{\"\\ud800\": 1}", "a=b&c=d", "123", "{}",
    ]

    private func one<Thing>(of things: [Thing]) -> Thing { things[chance.below(things.count)] }

    mutating func request(_ service: String, _ endpoint: ServiceAPI.Entry) -> (HTTPRequest, String) {
        var path = "/" + service
        for segment in endpoint.path.split(separator: "/") {
            path += "/" + (segment.first == "{" ? one(of: Nonsense.names) : String(segment))
        }
        if chance.below(3) == 0 { path += "?" + one(of: Nonsense.queries) + "&" + one(of: Nonsense.queries) }
        if chance.below(4) == 0, let parameter = endpoint.query.isEmpty ? nil : one(of: endpoint.query) {
            path += (path.contains("?") ? "&" : "?") + parameter.name + "=" + one(of: Nonsense.names)
        }
        let method =
            chance.below(20) == 0
            ? one(of: ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "BREW"]) : endpoint.method
        var body = chance.below(4) == 0 ? one(of: Nonsense.texts) : ""
        if case .json(let shape, _) = endpoint.body, chance.below(6) != 0 {
            var json = example(of: shape, depth: 0)
            if chance.below(8) != 0 { spoil(&json) }
            body = json.text
        }
        if ["GET", "HEAD"].contains(method) { body = "" }
        let request = HTTPRequest(
            method, path, headers: headers(), body: body.isEmpty ? .empty : HTTPBody(Array(body.utf8)))
        return (request, body)
    }

    private func headers() -> HTTPHeaders {
        var headers: HTTPHeaders = ["Host": chance.below(30) == 0 ? "" : "cloud.test"]
        headers.append("X-Auth-Token", chance.below(30) == 0 ? one(of: Nonsense.names) : token)
        if chance.below(20) == 0 { headers.append("X-Subject-Token", one(of: [token, "x", "gAAAA", ""])) }
        if chance.below(40) == 0 { headers.append("X-Service-Token", one(of: Nonsense.names)) }
        let versions = [
            "compute latest", "compute 2.1", "placement latest", "placement 1.99", "compute 2.x", "compute",
        ]
        headers.append(
            "OpenStack-API-Version", chance.below(3) == 0 ? one(of: versions) : "compute latest, placement latest")
        let types = ["text/plain", "application/xml", "", "application/octet-stream", "application/json; charset=x"]
        headers.append("Content-Type", chance.below(15) == 0 ? one(of: types) : "application/json")
        if chance.below(30) == 0 { headers.append("Accept", one(of: ["image/png", "*/*;q=x", ""])) }
        return headers
    }

    /// A value that is of the shape, mostly.
    private func example(of shape: Shape, depth: Int) -> JSON {
        switch shape {
        case .any: return one(of: [.null, "x", 1, true, [], [:], ["a": 1]])
        case .text(let length, let format): return .string(text(format, length))
        case .choice(let choices): return choices.isEmpty ? .null : .string(one(of: choices))
        case .boolean, .looseBoolean: return .bool(chance.below(2) == 0)
        case .integer(let range), .looseInteger(let range):
            return .integer(
                one(of: [range.lowerBound, range.upperBound, min(max(1, range.lowerBound), range.upperBound)]))
        case .number, .limitedNumber: return .number(1.5)
        case .nullable(let inner): return chance.below(4) == 0 ? .null : example(of: inner, depth: depth + 1)
        case .list(let inner, let count, _):
            let length = min(max(count.lowerBound, chance.below(3)), count.upperBound)
            return .array((0..<min(length, 4)).map { _ in example(of: inner, depth: depth + 1) })
        case .object(let fields):
            var object = JSON.Object()
            for field in fields.fields where field.isRequired || (depth < 6 && chance.below(3) == 0) {
                object[field.name] = example(of: field.shape, depth: depth + 1)
            }
            return .object(object)
        case .map(_, let inner, _): return ["key": example(of: inner, depth: depth + 1)]
        case .keyed(let format, let inner, _):
            var object = JSON.Object()
            object[text(format, 1...64)] = example(of: inner, depth: depth + 1)
            return .object(object)
        case .either(let shapes): return shapes.isEmpty ? .null : example(of: one(of: shapes), depth: depth + 1)
        }
    }

    private func text(_ format: Shape.Format?, _ length: ClosedRange<Int>) -> String {
        let id = "6f1c1f6e-0b9c-4a0d-8f1f-0e0d0c0b0a09"
        switch format {
        case .uuid, .uuidOrHex: return id
        case .hex: return id.filter { $0 != "-" }
        case .dateTime: return one(of: ["2030-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
        case .email: return "a@b"
        case .url: return one(of: ["http://a/b", "http://[", "x://%zz"])
        case .ipAddress: return one(of: ["10.0.0.1", "::1", "255.255.255.255"])
        case .cidr: return one(of: ["10.0.0.0/24", "0.0.0.0/0", "::/0", "10.0.0.1/32"])
        case .macAddress: return "fa:16:3e:00:00:01"
        case .constant: return "VCPU"
        case .customConstant: return "CUSTOM_A"
        case .suffix: return "1"
        case .count: return "1"
        case .name, .tag, nil:
            let text = one(of: ["x", "ä€😀", "admin", "%(x)s", "$(tenant_id)s", "*", "[", "1", "true", "a b"])
            return String(repeating: text, count: max(1, (length.lowerBound + text.count - 1) / text.count))
        }
    }

    /// Puts something in the place of some part.
    private func spoil(_ json: inout JSON) {
        let wrong: [JSON] = [
            .null, "", "x", -1, 0, .integer(.max), .number(-0.5), true, [], [:], [[]], ["x": ["y": .null]], [1, "a"],
            .string(String(repeating: "ü", count: 70_000)), "\u{0}", "\u{202E}", .integer(.min),
        ]
        switch json {
        case .object(var object) where !object.members.isEmpty && chance.below(5) != 0:
            let member = one(of: object.members)
            if chance.below(8) == 0 {
                object[member.name + "x"] = member.value
            } else {
                var value = member.value
                spoil(&value)
                object[member.name] = value
            }
            json = .object(object)
        case .array(var values) where !values.isEmpty && chance.below(4) != 0:
            let place = chance.below(values.count)
            spoil(&values[place])
            if chance.below(4) == 0 { values.append(values[place]) }
            json = .array(values)
        default: json = one(of: wrong)
        }
    }
}
