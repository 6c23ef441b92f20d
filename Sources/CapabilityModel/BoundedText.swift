// Text and reasons cut to what a message, a log line and a report take.

extension String {
    /// At most `limit` bytes of UTF-8, at least 4, cut between scalars; what was cut ends in `…`.
    package func cut(toBytes limit: Int) -> String {
        guard utf8.count > limit else { return self }
        var end = utf8.index(utf8.startIndex, offsetBy: limit - 3)
        while end > utf8.startIndex, utf8[end] & 0xc0 == 0x80 {
            end = utf8.index(before: end)
        }
        return String(self[..<end]) + "…"
    }
}

extension ExitReason {
    /// As a control message takes it: a module names its functions and imports as it likes, and at any length.
    package func bounded() -> ExitReason {
        switch self {
        case .trap(let kind, let message, let backtrace):
            .trap(
                kind: kind.cut(toBytes: 128), message: message.cut(toBytes: 4096),
                backtrace: backtrace.prefix(64).map { frame in
                    var frame = frame
                    frame.function = frame.function?.cut(toBytes: 256)
                    return frame
                })
        case .refused(let message): .refused(message: message.cut(toBytes: 8192))
        case .cellFailed(let message): .cellFailed(message: message.cut(toBytes: 4096))
        case .bytes(let bytes): .bytes(Array(bytes.prefix(ExitReason.bytesLimit)))
        case .shutdownWith(let bytes): .shutdownWith(Array(bytes.prefix(ExitReason.bytesLimit)))
        case .normal, .exited, .limit, .killedBySignal, .shutdown, .kill, .killed, .noproc, .noconnection: self
        }
    }
}
