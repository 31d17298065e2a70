/// Writes JSON straight from values, with no tree in between, into memory of its own: an array would be asked before each
/// of the many small pieces whether somebody shares it.
///
///     var json = JSONWriter()
///     json.object {
///         $0.put("id", project.id)
///         $0.object("links") { $0.put("self", url) }
///     }
///     let bytes = json.finish()
package struct JSONWriter: ~Copyable {
    private var bytes: UnsafeMutablePointer<UInt8>
    private var count = 0
    private var capacity: Int
    /// Whether a comma is due before what comes next.
    private var comma = false

    package init(capacity: Int = 512) {
        self.capacity = max(capacity, 64)
        bytes = .allocate(capacity: self.capacity)
    }

    deinit { bytes.deallocate() }

    private var written: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: bytes, count: count) }

    package consuming func finish() -> [UInt8] { Array(written) }

    package consuming func finishText() -> String { String(decoding: written, as: UTF8.self) }

    // MARK: Structure

    package mutating func object(_ body: (inout JSONWriter) -> Void) {
        open(UInt8(ascii: "{"))
        body(&self)
        close(UInt8(ascii: "}"))
    }

    package mutating func object(_ name: String, _ body: (inout JSONWriter) -> Void) {
        key(name)
        object(body)
    }

    package mutating func array(_ body: (inout JSONWriter) -> Void) {
        open(UInt8(ascii: "["))
        body(&self)
        close(UInt8(ascii: "]"))
    }

    package mutating func array(_ name: String, _ body: (inout JSONWriter) -> Void) {
        key(name)
        array(body)
    }

    /// An array with one element for each thing.
    package mutating func array<T>(_ name: String, of things: some Sequence<T>, _ each: (T, inout JSONWriter) -> Void) {
        key(name)
        array(of: things, each)
    }

    package mutating func array<T>(of things: some Sequence<T>, _ each: (T, inout JSONWriter) -> Void) {
        open(UInt8(ascii: "["))
        for thing in things { each(thing, &self) }
        close(UInt8(ascii: "]"))
    }

    package mutating func key(_ name: String) {
        separate()
        quote(name)
        append(UInt8(ascii: ":"))
        comma = false
    }

    // MARK: Members

    package mutating func put(_ name: String, _ value: String) {
        key(name)
        self.value(value)
    }

    package mutating func put(_ name: String, _ value: String?) {
        key(name)
        if let value { self.value(value) } else { null() }
    }

    package mutating func put(_ name: String, _ value: Bool) {
        key(name)
        self.value(value)
    }

    package mutating func put(_ name: String, _ value: Bool?) {
        key(name)
        if let value { self.value(value) } else { null() }
    }

    package mutating func put(_ name: String, _ value: Int) {
        key(name)
        self.value(Int64(value))
    }

    package mutating func put(_ name: String, _ value: Int?) {
        key(name)
        if let value { self.value(Int64(value)) } else { null() }
    }

    package mutating func put(_ name: String, _ value: some BinaryInteger) {
        key(name)
        self.value(value)
    }

    package mutating func put(_ name: String, _ value: (some BinaryInteger)?) {
        key(name)
        if let value { self.value(value) } else { null() }
    }

    package mutating func put(_ name: String, _ value: Double) {
        key(name)
        self.value(value)
    }

    package mutating func put<Thing>(_ name: String, _ value: ID<Thing>) { put(name, value.text) }

    package mutating func put<Thing>(_ name: String, _ value: ID<Thing>?) { put(name, value?.text) }

    package mutating func put(_ name: String, _ value: Moment, as style: Timestamp) { put(name, style.text(value)) }

    package mutating func put(_ name: String, _ value: Moment?, as style: Timestamp) {
        put(name, value.map(style.text))
    }

    package mutating func put(_ name: String, _ values: [String]) {
        key(name)
        open(UInt8(ascii: "["))
        for value in values { self.value(value) }
        close(UInt8(ascii: "]"))
    }

    package mutating func put(_ name: String, _ value: JSON) {
        key(name)
        self.value(value)
    }

    package mutating func putNull(_ name: String) {
        key(name)
        null()
    }

    // MARK: Values

    package mutating func value(_ text: String) {
        separate()
        quote(text)
    }

    package mutating func value(_ value: Bool) {
        separate()
        append(value ? "true" : "false")
    }

    package mutating func value(_ value: Int) { self.value(Int64(value)) }

    /// Digit by digit from the end: numbers are in every list, and the library's way is made for any base.
    package mutating func value(_ value: Int64) {
        separate()
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var rest = value.magnitude
            var first = digits.count
            repeat {
                first -= 1
                digits[first] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            } while rest > 0
            if value < 0 {
                first -= 1
                digits[first] = UInt8(ascii: "-")
            }
            append(UnsafeBufferPointer(rebasing: digits[first...]))
        }
    }

    package mutating func value(_ value: some BinaryInteger) {
        separate()
        append(String(value))
    }

    package mutating func value(_ value: Double) {
        separate()
        guard value.isFinite else { return append("null") }
        append(value.description)
    }

    package mutating func null() {
        separate()
        append("null")
    }

    package mutating func value(_ json: JSON) {
        switch json {
        case .null: null()
        case .bool(let value): self.value(value)
        case .integer(let value): self.value(value)
        case .number(let value): self.value(value)
        case .string(let value): self.value(value)
        case .array(let values):
            open(UInt8(ascii: "["))
            for value in values { self.value(value) }
            close(UInt8(ascii: "]"))
        case .object(let object):
            open(UInt8(ascii: "{"))
            for member in object.members {
                key(member.name)
                value(member.value)
            }
            close(UInt8(ascii: "}"))
        }
    }

    /// A value that is JSON already, or members one after the other.
    package mutating func raw(_ json: [UInt8]) {
        separate()
        json.withUnsafeBufferPointer { append($0) }
    }

    // MARK: Bytes

    private mutating func open(_ byte: UInt8) {
        separate()
        append(byte)
        comma = false
    }

    private mutating func close(_ byte: UInt8) {
        append(byte)
        comma = true
    }

    private mutating func separate() {
        if comma { append(UInt8(ascii: ",")) }
        comma = true
    }

    private mutating func quote(_ text: String) {
        append(UInt8(ascii: "\""))
        var text = text
        text.withUTF8 { utf8 in
            if PlainBytes.needNoEscape(UnsafeRawBufferPointer(utf8)) {
                append(utf8)
            } else {
                for byte in utf8 { escape(byte) }
            }
        }
        append(UInt8(ascii: "\""))
    }

    private mutating func append(_ byte: UInt8) {
        makeRoom(for: 1)
        bytes[count] = byte
        count += 1
    }

    private mutating func append(_ more: UnsafeBufferPointer<UInt8>) {
        guard let start = more.baseAddress else { return }
        makeRoom(for: more.count)
        (bytes + count).update(from: start, count: more.count)
        count += more.count
    }

    private mutating func append(_ text: StaticString) { text.withUTF8Buffer { append($0) } }

    private mutating func append(_ text: String) {
        var text = text
        text.withUTF8 { append($0) }
    }

    private mutating func makeRoom(for more: Int) { if count + more > capacity { grow(by: more) } }

    @inline(never)
    private mutating func grow(by more: Int) {
        let larger = max(capacity * 2, count + more)
        let moved = UnsafeMutablePointer<UInt8>.allocate(capacity: larger)
        moved.update(from: bytes, count: count)
        bytes.deallocate()
        (bytes, capacity) = (moved, larger)
    }

    private mutating func escape(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""): append("\\\"")
        case UInt8(ascii: "\\"): append("\\\\")
        case 0x0A: append("\\n")
        case 0x0D: append("\\r")
        case 0x09: append("\\t")
        case 0..<0x20:
            append("\\u00")
            append(Hex.text([byte]))
        default: append(byte)
        }
    }
}
