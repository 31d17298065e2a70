/// A moment as text, in the spellings that OpenStack's services use.
package struct Timestamp: Sendable {
    package enum Fraction: Sendable { case none, microseconds }

    package let fraction: Fraction
    package let suffix: StaticString

    /// `2026-11-21T02:30:31.000000Z`
    package static let identity = Timestamp(fraction: .microseconds, suffix: "Z")
    /// `2026-11-21T02:30:31Z`
    package static let seconds = Timestamp(fraction: .none, suffix: "Z")
    /// `2026-11-21T02:30:31.000000`
    package static let bare = Timestamp(fraction: .microseconds, suffix: "")
    /// `2026-11-21T02:30:31`
    package static let bareSeconds = Timestamp(fraction: .none, suffix: "")

    package func text(_ moment: Moment) -> String {
        String(unsafeUninitializedCapacity: 28) { buffer in
            var bytes = ByteCursor(buffer)
            let seconds = moment.microseconds.quotient(by: 1_000_000)
            let days = seconds.quotient(by: 86_400)
            let date = CivilDate(daysSince1970: days)
            let second = seconds - days * 86_400
            bytes.number(date.year, digits: 4)
            bytes.byte("-")
            bytes.number(date.month, digits: 2)
            bytes.byte("-")
            bytes.number(date.day, digits: 2)
            bytes.byte("T")
            bytes.number(second / 3_600, digits: 2)
            bytes.byte(":")
            bytes.number(second / 60 % 60, digits: 2)
            bytes.byte(":")
            bytes.number(second % 60, digits: 2)
            if fraction == .microseconds {
                bytes.byte(".")
                bytes.number(moment.microseconds - seconds * 1_000_000, digits: 6)
            }
            suffix.withUTF8Buffer { for byte in $0 { bytes.put(byte) } }
            return bytes.count
        }
    }
}

extension Moment {
    /// Reads an ISO 8601 date or date-time: `2026-11-21`, `2026-11-21T02:30:31.5Z`, `…+01:00`, with a blank for the T.
    package init?(iso8601 text: String) {
        var reader = DigitReader(text)
        guard let year = reader.number(digits: 4), reader.skip("-"),
            let month = reader.number(digits: 2), reader.skip("-"),
            let day = reader.number(digits: 2), (1...12).contains(month),
            (1...CivilDate.days(inMonth: month, year: year)).contains(day)
        else { return nil }
        var microseconds = CivilDate(year: year, month: month, day: day).daysSince1970 * 86_400_000_000
        if !reader.atEnd {
            guard reader.skip("T") || reader.skip(" "),
                let hour = reader.number(digits: 2), reader.skip(":"), hour < 24,
                let minute = reader.number(digits: 2), minute < 60
            else { return nil }
            microseconds += (hour * 3_600 + minute * 60) * 1_000_000
            if reader.skip(":") {
                guard let second = reader.number(digits: 2), second < 60 else { return nil }
                microseconds += second * 1_000_000
                if reader.skip(".") {
                    guard let fraction = reader.fraction() else { return nil }
                    microseconds += fraction
                }
            }
            guard let offset = reader.offset(), reader.atEnd else { return nil }
            microseconds -= offset * 60_000_000
        }
        self.init(microseconds: microseconds)
    }
}

/// A day of the proleptic Gregorian calendar (Howard Hinnant's civil-date arithmetic).
package struct CivilDate: Sendable {
    package let year: Int64
    package let month: Int64
    package let day: Int64

    package init(year: Int64, month: Int64, day: Int64) {
        self.year = year
        self.month = month
        self.day = day
    }

    package init(daysSince1970 days: Int64) {
        let shifted = days + 719_468
        let era = shifted.quotient(by: 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    package var daysSince1970: Int64 {
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = shiftedYear.quotient(by: 400)
        let yearOfEra = shiftedYear - era * 400
        let shiftedMonth = month > 2 ? month - 3 : month + 9
        let dayOfYear = (153 * shiftedMonth + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    package static func days(inMonth month: Int64, year: Int64) -> Int64 {
        switch month {
        case 4, 6, 9, 11: 30
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        default: 31
        }
    }
}

extension Int64 {
    /// Division that rounds down, so that moments before 1970 fall on the right day.
    fileprivate func quotient(by divisor: Int64) -> Int64 {
        let quotient = self / divisor
        return self % divisor < 0 ? quotient - 1 : quotient
    }
}

private struct ByteCursor {
    let buffer: UnsafeMutableBufferPointer<UInt8>
    var count = 0

    init(_ buffer: UnsafeMutableBufferPointer<UInt8>) { self.buffer = buffer }

    mutating func put(_ byte: UInt8) {
        buffer[count] = byte
        count += 1
    }

    mutating func byte(_ scalar: Unicode.Scalar) { put(UInt8(ascii: scalar)) }

    mutating func number(_ value: Int64, digits: Int) {
        var rest = value
        for place in stride(from: count + digits - 1, through: count, by: -1) {
            buffer[place] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
        }
        count += digits
    }
}

private struct DigitReader {
    private let bytes: [UInt8]
    private var place = 0

    init(_ text: String) { bytes = Array(text.utf8) }

    var atEnd: Bool { place == bytes.count }

    mutating func skip(_ scalar: Unicode.Scalar) -> Bool {
        guard place < bytes.count, bytes[place] == UInt8(ascii: scalar) else { return false }
        place += 1
        return true
    }

    mutating func digit() -> Int64? {
        guard place < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[place]) else { return nil }
        place += 1
        return Int64(bytes[place - 1] - UInt8(ascii: "0"))
    }

    mutating func number(digits: Int) -> Int64? {
        var value: Int64 = 0
        for _ in 0..<digits {
            guard let digit = digit() else { return nil }
            value = value * 10 + digit
        }
        return value
    }

    /// The digits behind the point, as microseconds; what is finer is cut off.
    mutating func fraction() -> Int64? {
        guard var value = digit() else { return nil }
        var digits = 1
        while let digit = digit() {
            if digits < 6 { value = value * 10 + digit }
            digits += 1
        }
        for _ in min(digits, 6)..<6 { value *= 10 }
        return value
    }

    /// Minutes east of Greenwich; none said is none.
    mutating func offset() -> Int64? {
        if atEnd || skip("Z") { return 0 }
        let east = skip("+")
        guard east || skip("-"), let hours = number(digits: 2) else { return nil }
        _ = skip(":")
        let minutes = atEnd ? 0 : number(digits: 2)
        guard let minutes, hours < 24, minutes < 60 else { return nil }
        return (hours * 60 + minutes) * (east ? 1 : -1)
    }
}
