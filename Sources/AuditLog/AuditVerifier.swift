// Whether a log is what its writers wrote: every line's code, every number, and every anchor.

internal import Glibc
internal import LinuxKernel
internal import MachineKey

package struct AuditVerification: Sendable {
    package enum Finding: Hashable, Sendable, CustomStringConvertible {
        /// The line does not match its code, or has no chain's form.
        case edited(place: Place, sequence: UInt64?)
        /// Lines with these numbers are gone; `place` is the line that follows, nil at the log's end.
        case missing(ClosedRange<UInt64>, before: Place?)
        /// The line's number was reached already: lines were moved or repeated.
        case outOfOrder(place: Place, sequence: UInt64)
        /// The file ends within a line.
        case torn(place: Place)
        /// An anchor states another code for this line: it or those before it were replaced.
        case replaced(place: Place, sequence: UInt64)
        /// There are lines and no anchors.
        case anchorsMissing
        /// A line of the anchors' file does not match its code.
        case anchorEdited(line: Int)
        /// The anchors stop further before the log's end than writers ever let them.
        case anchorsEndEarly(last: UInt64, log: UInt64)

        package var description: String {
            switch self {
            case .edited(let place, let sequence):
                return "\(place): edited: the line\(sequence.map { " (seq \($0))" } ?? "") does not match its code"
            case .missing(let range, let place):
                let what =
                    range.count == 1
                    ? "line seq \(range.lowerBound) is" : "lines seq \(range.lowerBound) to \(range.upperBound) are"
                return place.map { "\($0): removed: \(what) missing before this line" }
                    ?? "truncated: \(what) missing at the end of the log"
            case .outOfOrder(let place, let sequence):
                return "\(place): reordered: seq \(sequence) stands where a later line belongs"
            case .torn(let place): return "\(place): truncated: the file ends within this line"
            case .replaced(let place, let sequence):
                return "\(place): replaced: an anchor has another code for seq \(sequence)"
            case .anchorsMissing:
                return "anchors: the file is missing or has no anchor, so a shortened log would not show"
            case .anchorEdited(let line): return "anchors:\(line): edited: the anchor does not match its code"
            case .anchorsEndEarly(let last, let log):
                return "anchors: removed: the newest is for seq \(last), and the log goes on to seq \(log)"
            }
        }
    }

    package struct Place: Hashable, Sendable, CustomStringConvertible {
        package var file: String
        /// From 1.
        package var line: Int

        package var description: String { "\(file):\(line)" }
    }

    /// In the log's order; the first 1000 of them.
    package fileprivate(set) var findings: [Finding] = []
    /// How many there are in all.
    package fileprivate(set) var findingCount = 0
    package fileprivate(set) var lines: UInt64 = 0
    package fileprivate(set) var firstSequence: UInt64?
    package fileprivate(set) var head = ChainHead.genesis
    package fileprivate(set) var anchors = 0
    /// Lines behind the newest anchor: a log that lost some of them would still verify.
    package fileprivate(set) var unanchored: UInt64 = 0

    package var isIntact: Bool { findingCount == 0 }

    fileprivate mutating func report(_ finding: Finding) {
        findingCount += 1
        if findings.count < 1000 { findings.append(finding) }
    }
}

package struct AuditVerifier {
    private let files: LogFiles
    private let keys: AuditKeys
    private let anchorInterval: UInt64

    /// - Throws: `keyMissing` or `key` when there is no key to verify with; a new one is never made.
    package init(
        directory: String, keyFile: String, settings: AuditSettings = AuditSettings()
    ) throws(AuditError) {
        files = LogFiles(directory: directory)
        anchorInterval = settings.anchorInterval
        do throws(MachineKeyError) {
            keys = AuditKeys(try MachineKey(path: keyFile, create: false))
        } catch {
            if case .system(_, let cause) = error, cause.errno == ENOENT {
                throw .keyMissing(log: files.current, key: keyFile)
            }
            throw .key(error)
        }
    }

    /// Reads the whole log once, under a shared lock, so that no writer is in the midst of a batch.
    package func verify() throws(AuditError) -> AuditVerification {
        do throws(SystemError) {
            guard let lock = try? HostFile.open(files.lock, O_RDONLY | O_NOFOLLOW) else { return try walk() }
            try HostFile.lock(lock, LOCK_SH)
            return try walk(during: lock)
        } catch {
            throw .system(path: files.directory, error)
        }
    }

    /// `lock` is borrowed so that it stays open to the end.
    private func walk(during lock: borrowing OwnedFileDescriptor) throws(SystemError) -> AuditVerification {
        try walk()
    }

    private func walk() throws(SystemError) -> AuditVerification {
        var result = AuditVerification()
        let contents = try AnchorFile.all(path: files.anchors, key: keys.anchors, limit: 64 << 20)
        let anchors = contents.anchors.sorted { $0.head.sequence < $1.head.sequence }
        for line in contents.broken { result.report(.anchorEdited(line: line)) }
        if contents.isTorn { result.report(.anchorEdited(line: contents.anchors.count + contents.broken.count + 1)) }
        result.anchors = anchors.count
        var chain = Chain(keys: keys, anchors: anchors, first: contents.anchors.last?.first ?? 1)
        var reader = try AuditReader(directory: files.directory)
        while let line = try reader.next() { chain.check(line, &result) }
        chain.finish(&result)
        if result.lines > 0, anchors.isEmpty { result.report(.anchorsMissing) }
        if let last = anchors.last?.head.sequence, result.head.sequence > last {
            result.unanchored = result.head.sequence - last
            if result.unanchored > anchorInterval {
                result.report(.anchorsEndEarly(last: last, log: result.head.sequence))
            }
        }
        return result
    }
}

/// The walk along the lines.
private struct Chain {
    let keys: AuditKeys
    /// By sequence, ascending.
    let anchors: [AuditAnchor]
    /// The oldest line that has to be there.
    let first: UInt64
    private var nextAnchor = 0
    /// The last line's number, and the codes that the next line may have been chained to: what the last line states, and what
    /// it should state where that differs.
    private var sequence: UInt64?
    private var previous: [Hash256] = []

    init(keys: AuditKeys, anchors: [AuditAnchor], first: UInt64) {
        self.keys = keys
        self.anchors = anchors
        self.first = first
    }

    mutating func check(_ line: AuditReader.Line, _ result: inout AuditVerification) {
        let place = AuditVerification.Place(file: line.file, line: line.number)
        guard line.isWhole else {
            result.report(.torn(place: place))
            return
        }
        result.lines += 1
        guard let chained = ChainedLine(line.bytes) else {
            result.report(.edited(place: place, sequence: nil))
            sequence = (sequence ?? first - 1) + 1
            return
        }
        let expected: UInt64
        if let sequence {
            expected = sequence + 1
        } else {
            // Files that were to be dropped when a crash came are older than `first` and welcome.
            expected = min(first, chained.sequence)
            result.firstSequence = chained.sequence
            if expected == 1 { previous = [.zero] }
        }
        if chained.sequence < expected {
            result.report(.outOfOrder(place: place, sequence: chained.sequence))
            return
        }
        if chained.sequence > expected {
            result.report(.missing(expected...(chained.sequence - 1), before: place))
            previous = []
        }
        if previous.isEmpty || chained.sequence > expected {
            previous = anchors.filter { $0.head.sequence == chained.sequence - 1 }.map(\.head.code)
        }
        accept(chained, place, &result)
    }

    private mutating func accept(
        _ line: ChainedLine, _ place: AuditVerification.Place, _ result: inout AuditVerification
    ) {
        let codes = previous.map { line.expectedCode(after: $0, key: keys.lines) }
        sequence = line.sequence
        result.head = ChainHead(sequence: line.sequence, code: line.code)
        // Without a code to start from, after a gap, only the lines that follow vouch for this one's place.
        if !codes.isEmpty, !codes.contains(where: { $0.matches(line.code) }) {
            result.report(.edited(place: place, sequence: line.sequence))
            previous = [line.code] + codes
        } else {
            previous = [line.code]
        }
        while nextAnchor < anchors.count, anchors[nextAnchor].head.sequence <= line.sequence {
            let anchor = anchors[nextAnchor].head
            if anchor.sequence == line.sequence, !anchor.code.matches(line.code) {
                result.report(.replaced(place: place, sequence: line.sequence))
            }
            nextAnchor += 1
        }
    }

    mutating func finish(_ result: inout AuditVerification) {
        guard let last = anchors.last?.head.sequence, last >= first else { return }
        let end = sequence ?? (first - 1)
        if last > end { result.report(.missing((end + 1)...last, before: nil)) }
    }
}
