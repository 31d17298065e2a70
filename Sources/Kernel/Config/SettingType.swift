package import Base

/// How values of a type are written: in the file, in the environment and on the command line, and when shown.
package struct SettingType<Value: Sendable>: Sendable {
    /// As it goes on after "must be ".
    package let name: String
    let read: @Sendable (JSON) -> Value?
    let readText: @Sendable (String) -> Value?
    let text: @Sendable (Value) -> String

    package init(
        _ name: String, read: @escaping @Sendable (JSON) -> Value?, readText: @escaping @Sendable (String) -> Value?,
        text: @escaping @Sendable (Value) -> String
    ) {
        self.name = name
        self.read = read
        self.readText = readText
        self.text = text
    }
}

extension SettingType<String> {
    package static let text = SettingType("text", read: { $0.string }, readText: { $0 }, text: { $0 })
}

extension SettingType<String?> {
    /// Text that may be left out: null in the file, empty elsewhere.
    package static let optionalText = SettingType(
        "text or null", read: { $0.isNull ? .some(nil) : $0.string.map { .some($0) } },
        readText: { $0.isEmpty ? .some(nil) : .some($0) }, text: { $0 ?? "" })
}

extension SettingType<Bool> {
    package static let flag = SettingType(
        "true or false", read: { $0.bool }, readText: { ["true": true, "false": false][$0] }, text: { "\($0)" })
}

extension SettingType<Int> {
    package static let integer = SettingType(
        "a whole number", read: { $0.integer.flatMap { Int(exactly: $0) } }, readText: { Int($0) }, text: { "\($0)" })

    /// Bytes: `512`, `64KiB`, `10MiB`, `1GiB`, and `10MB` in powers of a thousand.
    package static let size = SettingType(
        "a size such as 64KiB, 10MiB or 1GiB",
        read: { $0.integer.flatMap { Int(exactly: $0) } ?? $0.string.flatMap(Size.read) },
        readText: Size.read, text: Size.text)
}

extension SettingType<Double> {
    package static let number = SettingType(
        "a number", read: { if case .number(let value) = $0 { value } else { $0.integer.map { Double($0) } } },
        readText: { Double($0).flatMap { $0.isFinite ? $0 : nil } }, text: { "\($0)" })
}

extension SettingType<Duration> {
    /// `250ms`, `30s`, `5m`, `2h`, `7d`; a bare number is seconds.
    package static let duration = SettingType(
        "a duration such as 250ms, 30s, 5m, 2h or 7d",
        read: { $0.integer.flatMap { DurationText.read(String($0)) } ?? $0.string.flatMap(DurationText.read) },
        readText: DurationText.read, text: DurationText.text)
}

extension SettingType<[String]> {
    /// A list in the file, or one alone; words with commas between elsewhere.
    package static let list = SettingType(
        "a list of text",
        read: { json in
            if let one = json.string { return [one] }
            guard let elements = json.array else { return nil }
            let words = elements.compactMap(\.string)
            return words.count == elements.count ? words : nil
        },
        readText: { $0.split(separator: ",").map { String($0.filter { $0 != " " }) } },
        text: { $0.joined(separator: ",") })
}

extension SettingType where Value: CaseIterable & RawRepresentable, Value.RawValue == String {
    package static var choice: SettingType {
        SettingType(
            "one of " + Value.allCases.map(\.rawValue).joined(separator: ", "),
            read: { $0.string.flatMap { Value(rawValue: $0) } },
            readText: { Value(rawValue: $0) }, text: { $0.rawValue })
    }
}

/// A number with its unit, as people write it.
private enum UnitText {
    static func read(_ text: String, _ units: [(name: String, size: Int64)]) -> Int64? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let number = Int64(digits), let unit = units.first(where: { $0.name == text.dropFirst(digits.count) })
        else {
            return nil
        }
        let (value, overflow) = number.multipliedReportingOverflow(by: unit.size)
        return overflow ? nil : value
    }

    /// In the largest unit that leaves nothing over. Units come largest first.
    static func text(_ value: Int64, _ units: [(name: String, size: Int64)]) -> String {
        guard let unit = units.first(where: { value != 0 && value % $0.size == 0 }) else { return "0" }
        return "\(value / unit.size)\(unit.name)"
    }
}

private enum Size {
    static let binary: [(name: String, size: Int64)] = [
        ("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("", 1),
    ]
    static let decimal: [(name: String, size: Int64)] = [
        ("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000), ("B", 1),
    ]

    @Sendable static func read(_ text: String) -> Int? {
        UnitText.read(text, binary + decimal).flatMap { Int(exactly: $0) }
    }
    @Sendable static func text(_ bytes: Int) -> String { UnitText.text(Int64(bytes), binary) }
}

private enum DurationText {
    static let units: [(name: String, size: Int64)] = [
        ("d", 86_400_000_000), ("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000), ("ms", 1_000), ("us", 1),
    ]

    @Sendable static func read(_ text: String) -> Duration? {
        UnitText.read(text, units + [("", 1_000_000)]).map { .microseconds($0) }
    }

    @Sendable static func text(_ duration: Duration) -> String {
        duration == .zero ? "0s" : UnitText.text(duration.microseconds, units)
    }
}
