// What `bulkhead run` tells people on stderr when a guest did not end well, and the exit status that goes with it.

import CapabilityModel
import LinuxKernel
import PolicyCompiler

/// Exit statuses of `bulkhead run`, besides the guest's own.
enum RunStatus {
    /// As a shell reports SIGABRT, and as other Wasm runtimes do.
    static let trapped: Int32 = 134
    /// sysexits(3) EX_CONFIG: a policy is wrong, or refuses the module.
    static let refused: Int32 = 78
    /// timeout(1): a time limit ended the guest.
    static let timedOut: Int32 = 124
    /// sysexits(3) EX_SOFTWARE: Bulkhead itself failed.
    static let failed: Int32 = 70
    /// sysexits(3) EX_IOERR: the guest ended well, but what it printed did not arrive.
    static let outputLost: Int32 = 74
    /// sysexits(3) EX_NOINPUT: the module cannot be read.
    static let noInput: Int32 = 66
    /// sysexits(3) EX_DATAERR: the module is not valid.
    static let badModule: Int32 = 65

    /// sysexits(3) EX_UNAVAILABLE: a process that the guest was linked to was gone or out of reach.
    static let unavailable: Int32 = 69
    /// The guest gave a reason of its own, which has no number: a failure like any other.
    static let ownReason: Int32 = 1
    /// As a shell reports SIGKILL: an exit signal `kill`, or a reason of that name.
    static let killed: Int32 = 137

    static func code(for reason: ExitReason) -> Int32 {
        switch reason {
        case .normal: 0
        // A WASI exit code has 32 bits, a process status 8; what would become 0 by truncation must not look like success.
        case .exited(let code): code & 0xff == 0 ? 1 : Int32(code & 0xff)
        case .trap: trapped
        case .limit(let kind, _, _): kind == .wall || kind == .cpu ? timedOut : trapped
        case .refused: refused
        case .killedBySignal(let signal): (1...64).contains(signal) ? 128 + signal : failed
        case .cellFailed: failed
        // What a supervisor asks for is a good end (OTP's design principles, on `shutdown`).
        case .shutdown, .shutdownWith: 0
        case .kill, .killed: killed
        case .noproc, .noconnection: unavailable
        case .bytes: ownReason
        }
    }
}

/// Denials of a run, newest last, with where they come from; bounded, with a count of what was let go.
struct DenialHistory {
    static let limit = 16

    private(set) var entries: [(denial: Denial, origins: [PolicyOrigin])] = []
    private(set) var total: UInt64 = 0

    mutating func add(_ denial: Denial, origins: [PolicyOrigin]) {
        total = total.addingClamped(denial.count)
        // The same refusal again moves to the end and counts up.
        if let index = entries.firstIndex(where: {
            $0.denial.call == denial.call && $0.denial.key == denial.key && $0.denial.arguments == denial.arguments
        }) {
            var known = entries.remove(at: index)
            known.denial.count = known.denial.count.addingClamped(denial.count)
            entries.append(known)
        } else {
            entries.append((denial, origins))
            if entries.count > DenialHistory.limit {
                entries.removeFirst()
            }
        }
    }
}

struct RunReport {
    let process: String
    let reason: ExitReason
    let denials: DenialHistory
    /// How long its share of a CPU held it, in nanoseconds.
    let stopped: UInt64
    /// Where each limit was set, for the limit that ended the guest.
    let provenance: [PolicyKey: [PolicyOrigin]]
    let style: TerminalStyle

    /// Lines for stderr; empty when the guest ended by itself, well or with a code of its own.
    func lines() -> [String] {
        var lines: [String] = []
        switch reason {
        case .normal, .shutdown, .shutdownWith:
            return []
        case .exited:
            // The guest said what it wanted to say; where something was denied, that may be why.
            return denials.entries.isEmpty ? [] : [headline("was denied something before it gave up")] + denialLines()
        case .trap(let kind, let message, let backtrace):
            lines.append(headline("trapped: \(kind)"))
            if message != kind, !message.isEmpty {
                lines.append("  " + style.escaped(message))
            }
            lines += frames(backtrace)
        case .limit(let kind, let used, let allowed):
            lines.append(headline("ended by its limit on \(LimitText.name(kind))"))
            lines.append(
                "  used \(LimitText.amount(used, of: kind)) of \(LimitText.amount(allowed, of: kind))"
                    + place(of: LimitText.key(kind)))
            if kind == .wall, stopped > 0 {
                lines.append(
                    "  held back for \(LimitText.amount(stopped, of: .wall)) of it by limits.cpu_share"
                        + originText((provenance[LimitText.key(.cpuShare)] ?? []).filter(\.isPresent)))
            }
        case .refused(let message):
            lines.append(headline("was not started"))
            lines += message.split(separator: "\n").map { "  " + EscapedText.escapedAgain(String($0)) }
        case .killedBySignal(let signal):
            lines.append(headline("was ended by \(Signal.name(signal))"))
        case .kill, .killed:
            lines.append(headline("was killed by another process"))
        case .noproc:
            lines.append(headline("ended: a process that it was linked to was gone"))
        case .noconnection:
            lines.append(headline("ended: a process that it was linked to is out of reach"))
        case .bytes(let bytes):
            lines.append(headline("ended with a reason of its own"))
            lines.append("  " + EscapedText.forTerminal(bytes: bytes))
        case .cellFailed(let message):
            lines.append(headline("lost its cell"))
            lines.append("  " + style.escaped(message))
        }
        return lines + denialLines()
    }

    private func headline(_ text: String) -> String {
        style.bold("bulkhead: ") + style.escaped(process) + " " + style.red(style.escaped(text))
    }

    private func frames(_ backtrace: [WasmFrame]) -> [String] {
        let shown = 20
        var lines = backtrace.prefix(shown).enumerated().map { index, frame in
            let name = frame.function.map { style.escaped($0) } ?? "<function \(frame.functionIndex)>"
            return "  \(index): \(name) + 0x\(String(frame.functionOffset, radix: 16))"
                + style.dim("  (module offset 0x\(String(frame.moduleOffset, radix: 16)))")
        }
        if backtrace.count > shown {
            lines.append("  … \(backtrace.count - shown) more frames")
        }
        return lines
    }

    func denialLines() -> [String] {
        guard !denials.entries.isEmpty else { return [] }
        var lines = ["\(denials.total) denied call\(denials.total == 1 ? "" : "s") before that; the last:"]
        for (denial, origins) in denials.entries.suffix(5) {
            let who = denial.process.map { " (process \($0))" } ?? ""
            let times = who + (denial.count > 1 ? " ×\(denial.count)" : "")
            lines.append(
                "  " + style.yellow(style.escaped(denial.call)) + " " + EscapedText.escapedAgain(denial.arguments)
                    + times)
            lines.append("    denied by " + style.escaped(denial.key.path) + originText(origins))
            if let suggestion = Suggestion(for: denial) {
                lines.append("    allowed by:")
                lines += suggestion.toml.split(separator: "\n").map { "      " + style.escaped(String($0)) }
                lines.append("    which also opens up: " + style.escaped(suggestion.opens))
            }
        }
        return lines
    }

    private func place(of key: PolicyKey) -> String {
        let origins = provenance[key] ?? []
        let parts = key.path.split(separator: ".", maxSplits: 1)
        let table = "[\(parts.first ?? "")] \(parts.last ?? "")"
        return originText(origins.filter(\.isPresent)).isEmpty
            ? "; raise it with \(table) in the policy"
            : originText(origins.filter(\.isPresent))
    }

    private func originText(_ origins: [PolicyOrigin]) -> String {
        guard !origins.isEmpty else { return "" }
        let places = origins.prefix(3).map { origin in
            let file = origin.file == PolicyDocument.commandLine ? "the command line" : origin.file
            let place = origin.line > 0 ? "\(file):\(origin.line)" : file
            return style.escaped(origin.isPresent ? place : "\(place) (lacks \(origin.keyPath))")
        }
        return " at " + places.joined(separator: ", ")
    }
}

/// Names, units and keys of limits, for people.
enum LimitText {
    static func name(_ kind: LimitKind) -> String {
        switch kind {
        case .memory: "memory"
        case .tableElements: "table elements"
        case .cpu: "CPU time"
        case .cpuShare: "CPU time in a tenth of a second"
        case .wall: "wall time"
        case .fds: "open descriptors"
        case .output: "output"
        case .stack: "stack"
        case .mailboxMessages: "mailbox messages"
        case .mailboxBytes: "mailbox bytes"
        case .processes: "processes"
        }
    }

    static func key(_ kind: LimitKind) -> PolicyKey {
        switch kind {
        case .memory: PolicyKey("limits.memory")
        case .tableElements: PolicyKey("limits.tables")
        case .cpu: PolicyKey("limits.cpu")
        case .cpuShare: PolicyKey("limits.cpu_share")
        case .wall: PolicyKey("limits.wall")
        case .fds: PolicyKey("limits.fds")
        case .output: PolicyKey("limits.output")
        case .stack: PolicyKey("limits.stack")
        case .mailboxMessages: PolicyKey("limits.mailbox_messages")
        case .mailboxBytes: PolicyKey("limits.mailbox_bytes")
        case .processes: PolicyKey("process.spawn")
        }
    }

    static func amount(_ value: UInt64, of kind: LimitKind) -> String {
        switch kind {
        case .memory, .output, .stack, .mailboxBytes: bytes(value)
        case .cpu, .cpuShare, .wall: duration(value)
        case .tableElements, .fds, .mailboxMessages, .processes: "\(value)"
        }
    }

    private static func bytes(_ value: UInt64) -> String {
        for (unit, shift) in [("GiB", 30), ("MiB", 20), ("KiB", 10)] as [(String, UInt64)] where value >> shift >= 1 {
            let tenths = ((value >> (shift - 10)) * 10) >> 10
            return value % (1 << shift) == 0 ? "\(value >> shift) \(unit)" : "\(tenths / 10).\(tenths % 10) \(unit)"
        }
        return "\(value) B"
    }

    private static func duration(_ nanoseconds: UInt64) -> String {
        if nanoseconds >= 1_000_000_000 {
            let hundredths = nanoseconds / 10_000_000
            let rest = hundredths % 100
            return rest == 0 ? "\(hundredths / 100) s" : "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest) s"
        }
        return "\(nanoseconds / 1_000_000) ms"
    }
}

extension UInt64 {
    /// A cell may count as high as it likes.
    fileprivate func addingClamped(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
