// Anchors: statements about the chain's head in a file of their own, so that a log that ends too early is found out.

internal import Glibc
internal import LinuxKernel
internal import MachineKey

/// One line of `audit.anchors`, chained among themselves with a key of their own.
package struct AuditAnchor: Hashable, Sendable {
    package enum Reason: String, Sendable, CaseIterable {
        /// The log's first batch.
        case first
        case interval
        case close
        case rotation
        /// A log was mended, or its oldest file dropped.
        case mended, pruned
    }

    package var reason: Reason
    package var head: ChainHead
    /// The oldest line that has to be there; older ones were dropped with their file to keep the log's size bounded.
    package var first: UInt64

    fileprivate func encode(time: Int64) -> [UInt8] {
        var line = JSONLine(continuing: true)
        line.field("time", Timestamp.text(time))
        line.field("reason", reason.rawValue)
        line.field("line", head.sequence)
        line.field("head", head.code.description)
        line.field("first", first)
        return line.bytes
    }

    /// nil when the line is not an anchor's.
    package init?(_ line: ChainedLine) {
        guard case .object(let fields)? = JSONValue(Array(line.body) + Array("}".utf8)),
            case .string(let reason)? = fields["reason"], let reason = Reason(rawValue: reason),
            case .string(let text)? = fields["head"], let code = Hash256(hexadecimal: Array(text.utf8)),
            let number = fields["line"]?.unsigned, let first = fields["first"]?.unsigned
        else { return nil }
        self.init(reason: reason, head: ChainHead(sequence: number, code: code), first: first)
    }

    package init(reason: Reason, head: ChainHead, first: UInt64) {
        self.reason = reason
        self.head = head
        self.first = first
    }
}

/// The anchors' file, as a writer uses it: under the log's lock.
struct AnchorFile {
    let path: String
    let key: Authenticator
    /// Past this many bytes the file is written anew with only those anchors that still say something.
    static let compactBytes: UInt64 = 256 << 10

    /// The newest anchor whose code holds; nil where there is none.
    func newest() throws(SystemError) -> AuditAnchor? {
        let file: OwnedFileDescriptor
        do throws(SystemError) {
            file = try HostFile.open(path, O_RDONLY | O_NOFOLLOW)
        } catch {
            if error.errno == ENOENT { return nil }
            throw error
        }
        let tail = try FileTail(file, size: try HostFile.status(file).size, lines: 2)
        guard let last = tail.lines.last, let line = ChainedLine(last) else { return nil }
        let previous = tail.lines.dropLast().last.flatMap { ChainedLine($0)?.code } ?? .zero
        return line.isValid(after: previous, key: key) ? AuditAnchor(line) : nil
    }

    /// Adds one anchor at the end; half a line that a crash left there is cut off first.
    func append(_ anchor: AuditAnchor, time: Int64) throws(SystemError) {
        let file = try HostFile.open(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW, mode: 0o600)
        let size = try HostFile.status(file).size
        let tail = try FileTail(file, size: size, lines: 1)
        if !tail.torn.isEmpty { try HostFile.truncate(file, to: tail.end) }
        var head =
            tail.newest.map { ChainHead(sequence: $0.line.sequence + $0.malformedAfter, code: $0.line.code) }
            ?? .genesis
        var output: [UInt8] = []
        ChainedLine.append(anchor.encode(time: time)[...], after: &head, key: key, to: &output)
        do throws(SystemError) {
            try HostFile.write(output, to: file)
        } catch {
            try? HostFile.truncate(file, to: tail.end)
            throw error
        }
        if tail.end + UInt64(output.count) > Self.compactBytes { try compact(first: anchor.first, time: time) }
    }

    /// Keeps the anchors at which a file begins, from the oldest that is still there, and the newest of all.
    private func compact(first: UInt64, time: Int64) throws(SystemError) {
        let anchors = try AnchorFile.all(path: path, key: key, limit: Int(Self.compactBytes) * 4).anchors
        var kept = anchors.filter { $0.reason == .rotation && $0.head.sequence + 1 >= first }
        if let last = anchors.last, kept.last != last { kept.append(last) }
        var head = ChainHead.genesis
        var output: [UInt8] = []
        for anchor in kept {
            ChainedLine.append(anchor.encode(time: time)[...], after: &head, key: key, to: &output)
        }
        let name = path + ".new"
        try HostFile.remove(name)
        let file = try HostFile.open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
        do throws(SystemError) {
            try HostFile.write(output, to: file)
            try HostFile.rename(name, to: path)
        } catch {
            try? HostFile.remove(name)
            throw error
        }
    }

    struct Contents {
        /// In the file's order; only those whose code holds.
        var anchors: [AuditAnchor] = []
        /// 1-based numbers of lines whose code does not hold or that are no anchors.
        var broken: [Int] = []
        var isTorn = false
        var isMissing = false
    }

    /// Reads the whole file, which compacting keeps small; past `limit` bytes it is EFBIG.
    static func all(path: String, key: Authenticator, limit: Int) throws(SystemError) -> Contents {
        var contents = Contents()
        let file: OwnedFileDescriptor
        do throws(SystemError) {
            file = try HostFile.open(path, O_RDONLY | O_NOFOLLOW)
        } catch {
            guard error.errno == ENOENT else { throw error }
            contents.isMissing = true
            return contents
        }
        let bytes = try HostFile.readToEnd(file, limit: limit)
        var head = ChainHead.genesis
        var number = 0
        var rest = bytes[...]
        while let newline = rest.firstIndex(of: 0x0a) {
            number += 1
            if let line = ChainedLine(rest[..<newline]) {
                if line.sequence == head.sequence + 1, line.isValid(after: head.code, key: key),
                    let anchor = AuditAnchor(line)
                {
                    contents.anchors.append(anchor)
                } else {
                    contents.broken.append(number)
                }
                head = ChainHead(sequence: line.sequence, code: line.code)
            } else {
                contents.broken.append(number)
                head.sequence += 1
            }
            rest = rest[(newline + 1)...]
        }
        contents.isTorn = !rest.isEmpty
        return contents
    }
}
