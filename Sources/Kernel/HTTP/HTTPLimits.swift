/// What one client may ask of a server before it is turned away, and why it is that much.
package struct HTTPLimits: Sendable {
    /// Longer lines are no URL that any client of ours makes; browsers and proxies stop at about this, too. 414 beyond.
    package var requestLine = 16 * 1024
    /// A token, a service token and a few cookies fit four times over. 431 beyond.
    package var headerBytes = 64 * 1024
    /// 431 beyond.
    package var headerCount = 128
    /// How long a connection may be silent between requests: longer than most clients keep theirs, so that they hang up.
    package var idle: Duration = .seconds(75)
    /// A head is one packet or few. Counted from its first byte, so that dripping doesn't help. 408 beyond.
    package var slowHead: Duration = .seconds(15)
    /// How long a body may stand still, in either direction, before the connection is given up.
    package var slowBody: Duration = .seconds(60)
    /// What is read and thrown away of a body that the handler didn't want, to keep the connection for the next request.
    package var unreadBody = 256 * 1024
    /// Each costs a descriptor and a few kilobytes; most systems give a process 1,024 to 65,536 descriptors.
    package var connections = 8_192
    /// What a stopping server grants to requests in flight. The program as a whole has five seconds.
    package var stop: Duration = .seconds(4)
    /// One message of a WebSocket: more than any console or event needs.
    package var webSocketMessage = 1024 * 1024

    package init() {}
}
