// Events as people read them. Nothing of a guest reaches the terminal unescaped.

internal import AuditLog
internal import CapabilityModel

struct AuditPrinter {
    private let style: TerminalStyle

    init(style: TerminalStyle) {
        self.style = style
    }

    /// One or more lines, without a newline at the end.
    func text(_ record: AuditRecord) -> String {
        let event = record.event
        let head = "\(dim(Timestamp.text(record.time))) \(escaped(event.process))"
        let claim = event.isClaim ? " (claim)" : ""
        switch event.kind {
        case .policyLoaded(let sources):
            return "\(head) policy \(event.policyDigest.prefix(12)) from \(list(sources))"
        case .started(let module, let digest, let arguments):
            return "\(head) started \(escaped(module)) sha256:\(digest.prefix(12)) under policy "
                + "\(event.policyDigest.prefix(12))" + (arguments.isEmpty ? "" : " with \(list(arguments))")
        case .moduleLoaded(let name, let digest):
            return "\(head) loaded \(escaped(name)) sha256:\(digest.prefix(12)) for its children"
        case .processExited(let process, let reason, let detail):
            return "\(head) process \(process) ended: \(red(escaped(reason)))"
                + (detail.isEmpty ? "" : ": \(escaped(detail))") + claim
        case .denied(let denial, let origins):
            let count = denial.count > 1 ? " ×\(denial.count)" : ""
            let answer = denial.errno.map { " → \(errnoName($0))" } ?? " → ended"
            return
                ([
                    "\(head)\(denial.process.map { " process \($0)" } ?? "") \(red("denied")) \(escaped(denial.call)) \(EscapedText.escapedAgain(denial.arguments))\(answer)\(count) "
                        + dim("[\(denial.layer.rawValue)]") + claim
                ] + Self.reasons(denial.key, origins).map { "    " + $0 }).joined(separator: "\n")
        case .exited(let reason):
            return "\(head) \(exit(reason))\(claim)"
        case .limitReached(let limit, let used, let allowed):
            return "\(head) \(red("limit")) \(limit.rawValue): used \(used) of \(allowed)\(claim)"
        case .dropped(let count):
            return "\(head) \(red("dropped")) \(count) more events of this process were only counted"
        case .cacheRejected(let entry, let why):
            return "\(head) \(red("cache")) entry \(escaped(String(entry.prefix(16)))) not loaded: \(escaped(why))"
        case .weakened(let what):
            return "\(head) \(red("weakened")) \(escaped(what))"
        case .logMended(let torn, let missing):
            return
                "\(head) \(red("log mended")): \(torn) bytes of an unfinished line set aside, \(missing) lines missing"
        }
    }

    /// Which policy decided: the places where the key stands, or the policies that lack it and where it would stand.
    static func reasons(_ key: PolicyKey, _ origins: [PolicyOrigin]) -> [String] {
        let name = EscapedText.forTerminal(key.path)
        guard !origins.isEmpty else { return ["by \(name)"] }
        return origins.map { origin in
            let place = place(origin)
            let path = EscapedText.forTerminal(origin.keyPath)
            return origin.isPresent ? "by \(path) at \(place)" : "\(path) is not granted: it would stand at \(place)"
        }
    }

    private static func place(_ origin: PolicyOrigin) -> String {
        let file = EscapedText.forTerminal(origin.file)
        guard origin.line > 0 else { return file }
        return origin.column > 0 ? "\(file):\(origin.line):\(origin.column)" : "\(file):\(origin.line)"
    }

    private func exit(_ reason: ExitReason) -> String {
        switch reason {
        case .normal: return "exited normally"
        case .exited(let code): return "exited with \(code)"
        case .trap(let kind, let message, let backtrace):
            let frames = backtrace.prefix(8).map { frame in
                "\n    at \(escaped(frame.function ?? "function \(frame.functionIndex)")) +\(frame.functionOffset)"
            }
            return "\(red("trapped")): \(escaped(kind)): \(escaped(message))" + frames.joined()
        case .limit(let limit, let used, let allowed):
            return "\(red("ended")) by its limit \(limit.rawValue): used \(used) of \(allowed)"
        case .refused(let message): return "\(red("refused")): \(escaped(message))"
        case .killedBySignal(let signal): return "\(red("killed")) by signal \(signal)"
        case .cellFailed(let message): return "\(red("cell failed")): \(escaped(message))"
        case .shutdown: return "shut down"
        case .shutdownWith(let bytes): return "shut down: \(EscapedText.forTerminal(bytes: bytes))"
        case .kill, .killed: return "\(red("killed")) by a process"
        case .noproc: return "\(red("ended")): a process that it was linked to was gone"
        case .noconnection: return "\(red("ended")): a process that it was linked to is out of reach"
        case .bytes(let bytes):
            return "\(red("ended")) with a reason of its own: \(EscapedText.forTerminal(bytes: bytes))"
        }
    }

    private func errnoName(_ errno: UInt16) -> String { errno == 76 ? "ENOTCAPABLE" : "errno \(errno)" }

    private func escaped(_ text: String) -> String { EscapedText.forTerminal(text) }

    private func list(_ texts: [String]) -> String { texts.map { escaped($0) }.joined(separator: ", ") }

    private func red(_ text: String) -> String { style.red(text) }

    private func dim(_ text: String) -> String { style.dim(text) }
}
