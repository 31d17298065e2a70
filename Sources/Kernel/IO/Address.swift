package import Base
import Glibc

/// Where to connect or to listen, as people write it.
package enum Address: Hashable, Sendable {
    /// A host's name or a numeric address of either family, without brackets.
    case tcp(host: String, port: Int)
    case unix(path: String)
}

extension Address: CustomStringConvertible {
    /// `10.0.0.1:5000`, `[::1]:5000`, `unix:/run/martlet.sock`
    package var description: String {
        switch self {
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }
}

/// An address as the kernel takes it: numeric, of one family.
package enum SocketAddress: Hashable, Sendable {
    /// Both in network byte order, as they stand in `sockaddr_in`.
    case v4(address: UInt32, port: UInt16)
    case v6(address: V6, port: UInt16, scope: UInt32)
    case unix(path: String)

    /// The sixteen bytes of an IPv6 address.
    package struct V6: Hashable, Sendable {
        let high: UInt64
        let low: UInt64
    }
}

extension SocketAddress: CustomStringConvertible {
    package var description: String { address.description }

    package var address: Address {
        switch self {
        case .v4(_, let port), .v6(_, let port, _): .tcp(host: host, port: Int(UInt16(bigEndian: port)))
        case .unix(let path): .unix(path: path)
        }
    }

    /// The numeric address without its port; a Unix socket's path.
    package var host: String {
        switch self {
        case .v4(var address, _): return SocketAddress.text(AF_INET, &address)
        case .v6(var address, _, _): return SocketAddress.text(AF_INET6, &address)
        case .unix(let path): return path
        }
    }

    /// nil for a Unix socket.
    package var port: Int? {
        switch self {
        case .v4(_, let port), .v6(_, let port, _): Int(UInt16(bigEndian: port))
        case .unix: nil
        }
    }

    private static func text(_ family: Int32, _ address: UnsafeRawPointer) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { text in
            guard let base = text.baseAddress, inet_ntop(family, address, base, socklen_t(text.count)) != nil else {
                return "?"
            }
            return String(cString: base)
        }
    }
}

// MARK: The C shape

extension SocketAddress {
    var family: Int32 {
        switch self {
        case .v4: AF_INET
        case .v6: AF_INET6
        case .unix: AF_UNIX
        }
    }

    /// The longest path that `sockaddr_un` holds, its end mark included.
    static let longestPath = 107

    func withPointer<Value>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Value) -> Value {
        switch self {
        case .v4(let address, let port):
            var raw = sockaddr_in()
            raw.sin_family = sa_family_t(AF_INET)
            raw.sin_port = port
            raw.sin_addr.s_addr = address
            return SocketAddress.rebound(&raw, body)
        case .v6(let address, let port, let scope):
            var raw = sockaddr_in6()
            raw.sin6_family = sa_family_t(AF_INET6)
            raw.sin6_port = port
            raw.sin6_scope_id = scope
            withUnsafeMutableBytes(of: &raw.sin6_addr) { bytes in
                bytes.storeBytes(of: address.high, as: UInt64.self)
                bytes.storeBytes(of: address.low, toByteOffset: 8, as: UInt64.self)
            }
            return SocketAddress.rebound(&raw, body)
        case .unix(let path):
            var raw = sockaddr_un()
            raw.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &raw.sun_path) {
                $0.copyBytes(from: path.utf8.prefix(SocketAddress.longestPath))
            }
            return SocketAddress.rebound(&raw, body)
        }
    }

    private static func rebound<Raw, Value>(_ raw: inout Raw, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Value)
        -> Value
    {
        withUnsafePointer(to: &raw) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<Raw>.size)) }
        }
    }

    init?(_ pointer: UnsafeRawPointer, length: Int) {
        guard length >= 2 else { return nil }
        switch Int32(pointer.loadUnaligned(as: sa_family_t.self)) {
        case AF_INET where length >= MemoryLayout<sockaddr_in>.size:
            let raw = pointer.loadUnaligned(as: sockaddr_in.self)
            self = .v4(address: raw.sin_addr.s_addr, port: raw.sin_port)
        case AF_INET6 where length >= MemoryLayout<sockaddr_in6>.size:
            let raw = pointer.loadUnaligned(as: sockaddr_in6.self)
            let address = V6(
                high: (pointer + 8).loadUnaligned(as: UInt64.self), low: (pointer + 16).loadUnaligned(as: UInt64.self))
            self = .v6(address: address, port: raw.sin6_port, scope: raw.sin6_scope_id)
        case AF_UNIX:
            let path = UnsafeRawBufferPointer(start: pointer + 2, count: length - 2).prefix { $0 != 0 }
            self = .unix(path: String(decoding: path, as: UTF8.self))
        default: return nil
        }
    }

    /// Either end of a socket: `getsockname` or `getpeername`.
    init?(_ descriptor: Int32, _ ask: (Int32, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32)
    {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { ask(descriptor, $0, &length) }
        }
        guard result == 0 else { return nil }
        self.init(&storage, length: Int(length))
    }
}

// MARK: Names

extension Address {
    /// Every numeric address that this one stands for; asks the name service only if it has to, on the pool.
    package func resolved(on pool: Pool) async throws(Failure) -> [SocketAddress] {
        switch self {
        case .unix(let path): return [try SocketAddress.unix(checked: path)]
        case .tcp(let host, let port):
            if let known = try? Address.lookUp(host, port, flags: AI_NUMERICHOST) { return known }
            return try await pool.run { () throws(Failure) in try Address.lookUp(host, port, flags: 0) }
        }
    }

    /// The address to listen on, which has to be numeric (or empty for every IPv4 one).
    func numeric() throws(Failure) -> SocketAddress {
        switch self {
        case .unix(let path): return try SocketAddress.unix(checked: path)
        case .tcp(let host, let port):
            let host = host == "localhost" ? "127.0.0.1" : host.isEmpty ? "0.0.0.0" : host
            guard let address = try Address.lookUp(host, port, flags: AI_NUMERICHOST).first else {
                throw .invalid("\(host) is not an address to listen on.")
            }
            return address
        }
    }

    private static func lookUp(_ host: String, _ port: Int, flags: Int32) throws(Failure) -> [SocketAddress] {
        guard (0...65_535).contains(port) else { throw .invalid("\(port) is not a port.") }
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = flags
        var list: UnsafeMutablePointer<addrinfo>?
        let result = getaddrinfo(host, String(port), &hints, &list)
        guard result == 0 else {
            throw .unavailable("Cannot find the host \(host): \(String(cString: gai_strerror(result))).")
        }
        defer { freeaddrinfo(list) }
        var addresses: [SocketAddress] = []
        var entry = list
        while let info = entry?.pointee {
            if let raw = info.ai_addr, let address = SocketAddress(raw, length: Int(info.ai_addrlen)) {
                addresses.append(address)
            }
            entry = info.ai_next
        }
        return addresses
    }
}

extension SocketAddress {
    static func unix(checked path: String) throws(Failure) -> SocketAddress {
        guard !path.isEmpty, path.utf8.count <= longestPath else {
            throw .invalid("A Unix socket's path has 1 to \(longestPath) bytes: \(path)")
        }
        return .unix(path: path)
    }
}
