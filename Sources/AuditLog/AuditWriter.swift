// The log's writer: gathers events, and appends them in batches that either are there whole or not at all.

package import CapabilityModel
internal import Glibc
internal import LinuxKernel
internal import MachineKey

/// Sizes and times of a log. The defaults bound it to about 144 MiB.
package struct AuditSettings: Sendable {
    /// A file that would grow past this many bytes is rotated.
    package var segmentBytes: UInt64 = 16 << 20
    /// Rotated files that are kept; the oldest is dropped for a new one.
    package var segments = 8
    /// Lines between two anchors.
    package var anchorInterval: UInt64 = 1000
    /// Bytes of lines that wait in memory; past it a batch is written at once, and if that fails events are dropped and counted.
    package var pendingBytes = 256 << 10
    /// How long an event may wait before it has to be in the file, in nanoseconds.
    package var delay: UInt64 = 100_000_000
    /// Nanoseconds since 1970, and of a clock that only goes forward.
    package var clock: @Sendable () -> (time: Int64, monotonic: UInt64) = { (Timestamp.now(), Clocks.monotonic()) }
    var folding = FoldingLimits()

    package init() {}
}

/// Used by one thread. Any number of writers, in any number of OS processes, may append to one directory's log.
///
/// Nothing reaches the file before `flush()`, `tick()` past `deadline`, an `append` past `delay`, or `close()`.
package final class AuditWriter {
    private let settings: AuditSettings
    private let store: LogStore
    private var folder: DenialFolder
    /// Fields of the lines that wait, one after the other, and where each ends.
    private var pending: [UInt8] = []
    private var pendingEnds: [Int] = []
    private var oldestPending: UInt64?
    /// Events that did not fit while the file could not be written.
    private var lost: UInt64 = 0
    /// After a failed batch: when the next may be tried, in monotonic nanoseconds.
    private var retry: UInt64 = 0

    /// Opens or makes the log in `directory` (made with mode 0700 where missing) and its key.
    package init(directory: String, keyFile: String, settings: AuditSettings = AuditSettings()) throws(AuditError) {
        self.settings = settings
        folder = DenialFolder(limits: settings.folding)
        store = try LogStore(files: LogFiles(directory: directory), keyFile: keyFile, settings: settings)
    }

    deinit {
        try? close()
    }

    /// When `tick()` should be called at the latest, in nanoseconds of CLOCK_MONOTONIC; nil when nothing waits.
    package var deadline: UInt64? {
        let batch = oldestPending.map { max($0 &+ settings.delay, retry) }
        guard let folded = folder.nextDue else { return batch }
        return min(batch ?? .max, folded)
    }

    /// Takes an event. Equal denials are folded; a process past its budget of lines is only counted (`dropped`).
    package func append(_ event: AuditEvent) throws(AuditError) {
        let now = settings.clock()
        if case .denied(let denial, let origins) = event.kind {
            if folder.admits(event, denial, origins, now: now.monotonic) { add(event, now) }
        } else {
            add(event, now)
        }
        try advance(now)
    }

    /// Writes what has waited long enough.
    package func tick() throws(AuditError) {
        try advance(settings.clock())
    }

    /// Writes everything, counts of folded denials included.
    package func flush() throws(AuditError) {
        let now = settings.clock()
        for event in folder.drain(now: now.monotonic, all: true) { add(event, now) }
        try commit(now.time)
    }

    /// Writes everything and anchors the chain's head. The writer may be used again afterwards.
    package func close() throws(AuditError) {
        try flush()
        try store.anchor(.close, time: settings.clock().time)
    }

    private func advance(_ now: (time: Int64, monotonic: UInt64)) throws(AuditError) {
        if let due = folder.nextDue, due <= now.monotonic {
            for event in folder.drain(now: now.monotonic) { add(event, now) }
        }
        guard let oldest = oldestPending else { return }
        if now.monotonic >= retry, now.monotonic >= oldest &+ settings.delay || pending.count >= settings.pendingBytes {
            try commit(now.time)
        }
    }

    private func add(_ event: AuditEvent, _ now: (time: Int64, monotonic: UInt64)) {
        guard pending.count < settings.pendingBytes + ChainedLine.maximumBytes else {
            if case .denied(let denial, _) = event.kind {
                lost = lost.addingSaturating(denial.count)
            } else {
                lost = lost.addingSaturating(1)
            }
            return
        }
        pending.append(contentsOf: JSONLine(event, time: now.time).bytes)
        pendingEnds.append(pending.count)
        if oldestPending == nil { oldestPending = now.monotonic }
    }

    private func commit(_ time: Int64) throws(AuditError) {
        let lines = (bytes: pending.count, count: pendingEnds.count)
        if lost > 0 {
            let event = AuditEvent(
                process: "bulkhead/\(getpid())", policyDigest: "", isClaim: false, kind: .dropped(count: lost))
            pending.append(contentsOf: JSONLine(event, time: time).bytes)
            pendingEnds.append(pending.count)
        }
        guard !pendingEnds.isEmpty else { return }
        do throws(AuditError) {
            try store.commit(pending, ends: pendingEnds, time: time)
        } catch {
            pending.removeLast(pending.count - lines.bytes)
            pendingEnds.removeLast(pendingEnds.count - lines.count)
            retry = settings.clock().monotonic &+ settings.delay
            throw error
        }
        pending.removeAll(keepingCapacity: true)
        pendingEnds.removeAll(keepingCapacity: true)
        oldestPending = nil
        lost = 0
    }
}
