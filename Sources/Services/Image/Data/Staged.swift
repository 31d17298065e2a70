import Base
import SQL

/// What is known of data that has been put aside, until an import makes it the image's.
struct Staged: Sendable {
    let outcome: Outcome

    init(_ outcome: Outcome) { self.outcome = outcome }

    init(_ text: String) throws(Failure) {
        let json = try JSONReader.read(text).object ?? JSON.Object()
        let digests = Digests(
            size: try json.number("size"), md5: try json.required("md5"), sha512: try json.required("sha512"))
        let verdict = json.text("refusal").map { Verdict.refused($0) } ?? .admitted(json.integer("virtual_size"))
        outcome = Outcome(digests: digests, verdict: verdict)
    }
}

extension Staged: SQL.Bindable {
    var bound: SQL.Value {
        var json = JSONWriter()
        json.object {
            $0.put("size", outcome.digests.size)
            $0.put("md5", outcome.digests.md5)
            $0.put("sha512", outcome.digests.sha512)
            switch outcome.verdict {
            case .admitted(let size): $0.put("virtual_size", size)
            case .refused(let reason): $0.put("refusal", reason)
            }
        }
        return .text(json.finishText())
    }
}

extension JSON.Object {
    fileprivate func number(_ name: String) throws(Failure) -> Int {
        guard let value = integer(name) else { throw .field(name, "is required") }
        return value
    }
}
