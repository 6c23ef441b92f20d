// The files beneath a writer: finding the chain's head, appending a batch, rotating, mending.

internal import CapabilityModel
internal import Glibc
internal import LinuxKernel
internal import MachineKey

/// Every change happens under an exclusive flock(2) on the lock file, so writers in other processes may come between any two
/// batches; what they did is seen from the file's inode and size.
final class LogStore {
    private let files: LogFiles
    private let settings: AuditSettings
    private let keys: AuditKeys
    private let anchors: AnchorFile
    private let lock: OwnedFileDescriptor
    private var log: OwnedFileDescriptor
    private var status: HostFileStatus
    /// The size at which `head` was the last line; anything else means that another process wrote.
    private var knownEnd: UInt64?
    private var head = ChainHead.genesis
    private var first: UInt64 = 1
    private var anchored: UInt64 = 0

    init(files: LogFiles, keyFile: String, settings: AuditSettings) throws(AuditError) {
        self.files = files
        self.settings = settings
        try audited(files.directory) { () throws(SystemError) in try HostFile.makeDirectories(files.directory) }
        let lock = try audited(files.lock) { () throws(SystemError) in
            try HostFile.open(files.lock, O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
        }
        try audited(files.lock) { () throws(SystemError) in try HostFile.lock(lock, LOCK_EX) }
        // An error on the way closes the descriptor, and with it the lock goes.
        let log = try audited(files.current) { () throws(SystemError) in try Self.openLog(files) }
        status = try audited(files.current) { () throws(SystemError) in try HostFile.status(log) }
        do throws(MachineKeyError) {
            keys = AuditKeys(try MachineKey(path: keyFile, create: status.size == 0))
        } catch {
            if case .system(_, let cause) = error, cause.errno == ENOENT, status.size > 0 {
                throw .keyMissing(log: files.current, key: keyFile)
            }
            throw .key(error)
        }
        anchors = AnchorFile(path: files.anchors, key: keys.anchors)
        self.lock = lock
        self.log = log
        flock(self.lock.rawValue, LOCK_UN)
    }

    private static func openLog(_ files: LogFiles) throws(SystemError) -> OwnedFileDescriptor {
        try HostFile.open(files.current, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW, mode: 0o600)
    }

    /// Appends the lines whose fields end at `ends`. Either all are in the file afterwards, or none and the file is as before.
    func commit(_ fields: [UInt8], ends: [Int], time: Int64) throws(AuditError) {
        try locked { () throws(SystemError) in
            var batch: [UInt8] = []
            batch.reserveCapacity(fields.count + ends.count * 100)
            let mended = try catchUp(time: time)
            var newHead = head
            if let mended { ChainedLine.append(mended[...], after: &newHead, key: keys.lines, to: &batch) }
            if status.size > 0, status.size + UInt64(fields.count + ends.count * 100) > settings.segmentBytes {
                try rotate(time: time)
            }
            var start = 0
            for end in ends {
                ChainedLine.append(fields[start..<end], after: &newHead, key: keys.lines, to: &batch)
                start = end
            }
            let before = status.size
            do throws(SystemError) {
                try HostFile.write(batch, to: log)
            } catch {
                knownEnd = nil
                try? HostFile.truncate(log, to: before)
                throw error
            }
            let isFirst = head == .genesis
            head = newHead
            status.size = before + UInt64(batch.count)
            knownEnd = status.size
            if mended != nil {
                try addAnchor(.mended, time: time)
            } else if isFirst {
                try addAnchor(.first, time: time)
            } else if head.sequence / settings.anchorInterval > anchored / settings.anchorInterval {
                try addAnchor(.interval, time: time)
            }
        }
    }

    /// States where the chain stands, unless the newest anchor of this writer did already.
    func anchor(_ reason: AuditAnchor.Reason, time: Int64) throws(AuditError) {
        guard anchored < head.sequence else { return }
        try locked { () throws(SystemError) in
            // Another writer may have appended since; its lines are as good to anchor as ours.
            guard try catchUp(time: time) == nil else { return }
            try addAnchor(reason, time: time)
        }
    }

    private func addAnchor(_ reason: AuditAnchor.Reason, time: Int64) throws(SystemError) {
        try anchors.append(AuditAnchor(reason: reason, head: head, first: first), time: time)
        anchored = head.sequence
    }

    private func locked(_ body: () throws(SystemError) -> Void) throws(AuditError) {
        try audited(files.lock) { () throws(SystemError) in try HostFile.lock(lock, LOCK_EX) }
        defer { flock(lock.rawValue, LOCK_UN) }
        try audited(files.current, body)
    }

    /// Finds the chain's head if anyone else wrote, rotated or damaged the file since this writer's last batch.
    ///
    /// - Returns: the fields of an event that says what had to be mended, if anything.
    private func catchUp(time: Int64) throws(SystemError) -> [UInt8]? {
        let named = try HostFile.status(path: files.current, followLinks: false)
        if named?.inode != status.inode || named?.device != status.device {
            log = try Self.openLog(files)
            knownEnd = nil
        }
        status = try HostFile.status(log)
        guard knownEnd != status.size else { return nil }
        let tail = try FileTail(log, size: status.size, lines: 1)
        if !tail.torn.isEmpty { try setAside(tail.torn, end: tail.end) }
        let newest = try anchors.newest()
        if let newest {
            first = newest.first
            anchored = max(anchored, newest.head.sequence)
        }
        head = tail.head ?? .genesis
        if tail.head == nil, let previous = try previousSegmentHead() { head = previous }
        var missing: UInt64 = 0
        if let newest, newest.head.sequence > head.sequence {
            missing = newest.head.sequence - head.sequence
            head = newest.head
        }
        knownEnd = status.size
        guard !tail.torn.isEmpty || missing > 0 else { return nil }
        let event = AuditEvent(
            process: "bulkhead/\(getpid())", policyDigest: "", isClaim: false,
            kind: .logMended(tornBytes: UInt64(tail.torn.count), missingLines: missing))
        return JSONLine(event, time: time).bytes
    }

    /// The head before an empty current file: a crash between two steps of a rotation leaves one, and so does a removed log.
    private func previousSegmentHead() throws(SystemError) -> ChainHead? {
        guard let index = try files.rotatedIndices().first else { return nil }
        let file = try HostFile.open(files.rotated(index), O_RDONLY | O_NOFOLLOW)
        return try FileTail(file, size: try HostFile.status(file).size, lines: 1).head
    }

    /// Half a line is no line: it goes to a file of its own, up to a bound, and off the log.
    private func setAside(_ torn: ArraySlice<UInt8>, end: UInt64) throws(SystemError) {
        if let aside = try? HostFile.open(files.torn, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, mode: 0o600),
            let status = try? HostFile.status(aside), status.size < 1 << 20
        {
            try? HostFile.write(torn.prefix(64 << 10) + [0x0a], to: aside)
        }
        try HostFile.truncate(log, to: end)
        status.size = end
    }

    private func rotate(time: Int64) throws(SystemError) {
        var indices = try files.rotatedIndices()
        while indices.count >= max(1, settings.segments), let oldest = indices.last {
            indices.removeLast()
            first = try firstSequence(indices.last.map { files.rotated($0) } ?? files.current) ?? first
            // The anchor goes first: after a crash in between there is a file too many, not one that is missed.
            try addAnchor(.pruned, time: time)
            try HostFile.remove(files.rotated(oldest))
        }
        try addAnchor(.rotation, time: time)
        for index in indices.reversed() { try HostFile.rename(files.rotated(index), to: files.rotated(index + 1)) }
        try HostFile.rename(files.current, to: files.rotated(1))
        log = try Self.openLog(files)
        status = try HostFile.status(log)
        knownEnd = status.size
    }

    private func firstSequence(_ path: String) throws(SystemError) -> UInt64? {
        let file = try HostFile.open(path, O_RDONLY | O_NOFOLLOW)
        let bytes = try HostFile.read(file, at: 0, count: ChainedLine.maximumBytes)
        return bytes.firstIndex(of: 0x0a).flatMap { ChainedLine(bytes[..<$0]) }?.sequence
    }
}

extension FileTail {
    /// Where the chain stands after this file; lines without a chain's form count, so that numbers go on behind them.
    fileprivate var head: ChainHead? {
        newest.map { ChainHead(sequence: $0.line.sequence + $0.malformedAfter, code: $0.line.code) }
    }
}

/// Names the file that a failed call was about, and tells a full disk from the rest.
private func audited<Value: ~Copyable>(
    _ path: String, _ body: () throws(SystemError) -> Value
) throws(AuditError) -> Value {
    do throws(SystemError) {
        return try body()
    } catch {
        throw error.errno == ENOSPC || error.errno == EDQUOT ? .diskFull(path: path) : .system(path: path, error)
    }
}
