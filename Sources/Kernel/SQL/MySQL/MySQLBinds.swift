import CMariaDB

/// The values of one execution, laid out as the library wants them. They stay where they are until it is over.
final class Parameters {
    let binds: UnsafeMutablePointer<MYSQL_BIND>
    private let bytes: UnsafeMutableRawPointer

    init(_ values: [SQL.Value]) {
        binds = .allocate(capacity: values.count)
        binds.initialize(repeating: MYSQL_BIND(), count: values.count)
        bytes = .allocate(byteCount: values.reduce(0) { $0 + $1.size }, alignment: 1)
        var place = bytes
        for (index, value) in values.enumerated() {
            value.write(to: place, &binds[index])
            place += value.size
        }
    }

    deinit {
        binds.deallocate()
        bytes.deallocate()
    }
}

extension SQL.Value {
    fileprivate var size: Int {
        switch self {
        case .null: 0
        case .integer, .real: 8
        case .text(let text): text.utf8.count
        case .blob(let bytes): bytes.count
        }
    }

    fileprivate func write(to place: UnsafeMutableRawPointer, _ bind: inout MYSQL_BIND) {
        let room = UnsafeMutableRawBufferPointer(start: place, count: size)
        bind.buffer = place
        bind.buffer_length = UInt(size)
        switch self {
        case .null: bind.buffer_type = MYSQL_TYPE_NULL
        case .integer(let value):
            bind.buffer_type = MYSQL_TYPE_LONGLONG
            room.storeBytes(of: value, as: Int64.self)
        case .real(let value):
            bind.buffer_type = MYSQL_TYPE_DOUBLE
            room.storeBytes(of: value, as: Double.self)
        case .text(let text):
            bind.buffer_type = MYSQL_TYPE_STRING
            room.copyBytes(from: text.utf8)
        case .blob(let bytes):
            bind.buffer_type = MYSQL_TYPE_BLOB
            room.copyBytes(from: bytes)
        }
    }
}

/// Where a row arrives: numbers as numbers; of texts and bytes at first only how long they are.
final class Cells {
    private struct Cell {
        var bits: UInt64 = 0
        var length: UInt = 0
        var isNull: my_bool = 0
        var isCut: my_bool = 0
    }

    let binds: UnsafeMutablePointer<MYSQL_BIND>
    private let cells: UnsafeMutablePointer<Cell>

    init(_ kinds: [ValueKind]) {
        binds = .allocate(capacity: kinds.count)
        binds.initialize(repeating: MYSQL_BIND(), count: kinds.count)
        cells = .allocate(capacity: kinds.count)
        cells.initialize(repeating: Cell(), count: kinds.count)
        for (place, kind) in kinds.enumerated() { makeRoom(for: kind, at: place) }
    }

    deinit {
        binds.deallocate()
        cells.deallocate()
    }

    private func makeRoom(for kind: ValueKind, at place: Int) {
        let cell = UnsafeMutableRawPointer(cells + place)
        func field<Value>(_ path: KeyPath<Cell, Value>) -> UnsafeMutablePointer<Value>? {
            MemoryLayout<Cell>.offset(of: path).map { (cell + $0).assumingMemoryBound(to: Value.self) }
        }
        binds[place].is_null = field(\.isNull)
        binds[place].error = field(\.isCut)
        binds[place].length = field(\.length)
        switch kind {
        case .integer, .real:
            binds[place].buffer_type = kind == .integer ? MYSQL_TYPE_LONGLONG : MYSQL_TYPE_DOUBLE
            binds[place].buffer = UnsafeMutableRawPointer(field(\.bits))
            binds[place].buffer_length = 8
        case .text, .blob, .null:
            binds[place].buffer_type = MYSQL_TYPE_BLOB
        }
    }

    func isNull(at place: Int) -> Bool { cells[place].isNull != 0 }
    func integer(at place: Int) -> Int64 { Int64(bitPattern: cells[place].bits) }
    func real(at place: Int) -> Double { Double(bitPattern: cells[place].bits) }
    func length(at place: Int) -> Int { Int(cells[place].length) }
}
