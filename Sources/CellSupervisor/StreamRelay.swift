// Moves bytes between a cell's pipes and the supervisor's own streams. A cell never holds a terminal, so TIOCSTI and
// its kin have nothing to act on, and what a guest prints is counted where the guest cannot reach the count.

import Glibc
import LinuxKernel

/// One direction: reads `source` when its buffer is empty, writes `target` until it is empty again. Neither
/// descriptor is made non-blocking, for both may be shared with other programs: each is touched only when poll(2)
/// says it is ready, and then by no more than it takes without blocking.
struct StreamRelay {
    /// What poll(2) guarantees a pipe takes without blocking once it is writable (pipe(7), PIPE_BUF).
    private static let atomicWrite = 4096

    let source: Int32
    let target: Int32
    private let targetIsFile: Bool
    private var buffer: [UInt8]
    /// Where output becomes lines of a log: those lines, to be written instead of `buffer`.
    private var log: LogLines?
    private var lines: [UInt8] = []
    private var pending: Range<Int> = 0..<0
    private(set) var isSourceOpen = true
    private(set) var isTargetOpen = true
    /// Bytes read from the source so far.
    private(set) var transferred: UInt64 = 0
    /// Bytes still to be read before the source counts as ended; nil while it is open for any number.
    private var remaining: UInt64?
    /// What ended this direction early; a reader that had enough (EPIPE) is no failure.
    private(set) var failure: SystemError?

    /// The descriptors stay the caller's.
    init(from source: Int32, to target: Int32, as log: LogLines? = nil) {
        self.log = log
        self.source = source
        self.target = target
        targetIsFile = Descriptor.isRegularFile(target)
        buffer = [UInt8](repeating: 0, count: 64 << 10)
    }

    /// Whatever is not in the source by now does not count; the source is a pipe.
    mutating func endSource() {
        guard isSourceOpen else { return }
        remaining = (try? FileDescriptorCalls.readableBytes(source)) ?? 0
        closeIfExhausted()
    }

    private mutating func closeIfExhausted() {
        guard remaining == 0, pending.isEmpty, isSourceOpen else { return }
        isSourceOpen = false
        if log != nil {
            logPending()
        }
    }

    /// Nothing is left to move, in this direction, ever.
    var isFinished: Bool { !isTargetOpen || (!isSourceOpen && pending.isEmpty) }

    /// What to wait for; nil when finished.
    var interest: PollEntry? {
        guard !isFinished else { return nil }
        return pending.isEmpty ? PollEntry(raw: source, events: .read) : PollEntry(raw: target, events: .write)
    }

    /// Moves what can be moved now; call when `interest` is ready. Of what is read, bytes past `allowance` are counted and
    /// dropped.
    mutating func advance(allowance: UInt64 = .max) {
        if pending.isEmpty {
            fill()
            pending = 0..<Int(min(UInt64(pending.count), allowance))
            if log != nil {
                logPending()
            }
        }
        if !pending.isEmpty, isTargetOpen, targetIsFile || isWritable(target) {
            drain()
            closeIfExhausted()
        }
    }

    private mutating func fill() {
        do {
            let raw = source
            var span = buffer.mutableSpan
            var count = try Descriptor.read(raw, into: &span)
            isSourceOpen = count > 0
            if let left = remaining {
                count = Int(min(UInt64(count), left))
                remaining = left - UInt64(count)
                isSourceOpen = isSourceOpen && remaining != 0
            }
            pending = 0..<count
            transferred += UInt64(count)
        } catch {
            // A terminal that a background job may not read answers EIO, no standard input at all EBADF: to the guest its
            // input has ended.
            isSourceOpen = error.isWouldBlock
            if !isSourceOpen, error.errno != EIO, error.errno != EBADF {
                failure = error
            }
        }
    }

    private mutating func logPending() {
        lines = log?.feed(buffer[pending]) ?? []
        if !isSourceOpen {
            lines += log?.finish() ?? []
        }
        pending = 0..<lines.count
    }

    private mutating func drain() {
        let end =
            targetIsFile ? pending.upperBound : min(pending.upperBound, pending.lowerBound + StreamRelay.atomicWrite)
        do {
            let count = try Descriptor.write(
                target, (log == nil ? buffer : lines).span.extracting(pending.lowerBound..<end))
            pending = (pending.lowerBound + count)..<pending.upperBound
        } catch {
            isTargetOpen = error.isWouldBlock
            if !isTargetOpen, error.errno != EPIPE {
                failure = error
            }
        }
    }
}

private func isWritable(_ raw: Int32) -> Bool {
    var entries = [PollEntry(raw: raw, events: .write)]
    return ((try? Poll.wait(&entries, deadline: 0)) ?? 0) > 0
}
