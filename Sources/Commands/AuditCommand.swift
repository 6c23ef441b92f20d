// bulkhead audit: who was denied what, under which line of which policy.

package import ArgumentParser
internal import AuditLog
internal import CapabilityModel
internal import LinuxKernel

package struct AuditCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Shows the audit log: who was denied what, under which line of which policy.",
        discussion: """
            Lines that a cell reported are marked "claim"; all others the supervisor saw itself. Counts (×N) stand for equal \
            denials that were folded. The log's fields are documented in docs/audit-event.schema.json.
            """,
        subcommands: [AuditVerifyCommand.self])

    @Option(help: "Only this process: NAME/PID, NAME or PID.")
    var process: String?
    @Option(help: "Only under this policy: a file, a shipped policy's name, or the digest's first digits.")
    var policy: String?
    @Option(help: "Only denials of this call, such as path_open.")
    var call: String?
    @Option(help: "Only denials by this layer: \(AuditLayer.allCases.map(\.rawValue).joined(separator: ", ")).")
    var layer: AuditLayer?
    @Option(help: "Only since then: 90s, 10m, 2h, 3d, or a time such as 2026-01-31T12:00:00Z.")
    var since: AuditTime?
    @Flag(help: "Stay, and print events as they come.")
    var follow = false
    @Flag(help: "Print the log's own lines (JSON, one event a line).")
    var json = false
    @Flag(help: "Print totals: by what was denied, and by process.")
    var summary = false
    @Flag(help: "Print the policy lines that would have let the denied calls pass, and what else they open up.")
    var suggest = false

    package init() {}

    package func validate() throws {
        if [json, summary, suggest].filter({ $0 }).count > 1 {
            throw ValidationError("--json, --summary and --suggest exclude each other")
        }
        if follow && (summary || suggest) { throw ValidationError("--follow goes with the list or --json only") }
    }

    package func run() throws {
        let query = AuditQuery(process: process, policy: policy, call: call, layer: layer, since: since?.nanoseconds)
        var reader = try AuditReader(directory: Locations.current().auditDirectory)
        var output = CommandOutput()
        let printer = AuditPrinter(style: .standard(1))
        var totals = AuditSummary()
        var suggestions = SuggestedPolicy()
        var unreadable = 0
        while true {
            guard let line = try follow ? reader.follow() : reader.next() else {
                guard follow else { break }
                try output.flush()
                var nothing: [PollEntry] = []
                _ = try Poll.wait(&nothing, deadline: Clock.monotonicNow() + 200_000_000)
                continue
            }
            guard let record = AuditRecord(line: line.bytes), EscapedText.isPlain(utf8: line.bytes) else {
                unreadable += 1
                continue
            }
            guard query.matches(record) else { continue }
            if summary {
                totals.add(record)
            } else if suggest {
                suggestions.add(record)
            } else if json {
                try output.write(line.bytes)
            } else {
                try output.write(printer.text(record))
            }
        }
        if summary { try output.write(totals.text) }
        if suggest { try output.write(suggestions.text) }
        try output.flush()
        if unreadable > 0 {
            StandardError.write(
                "bulkhead audit: \(unreadable) line\(unreadable == 1 ? "" : "s") could not be read; "
                    + "`bulkhead audit verify` says where\n")
        }
    }
}

struct AuditVerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Checks every line against the key and the anchors.",
        discussion: "Finds edited, removed, reordered and truncated lines, names each, and exits 1 if there is one.")

    @Option(help: "Where the log is, if not in its usual place.")
    var directory: String?
    @Option(help: "The log's key file, if not in its usual place.")
    var key: String?

    func run() throws {
        let places = Locations.current()
        let log = directory ?? places.auditDirectory
        guard try HostFile.status(path: log) != nil else { throw ValidationError("there is no audit log in \(log)") }
        let result = try AuditVerifier(directory: log, keyFile: key ?? places.keyFile).verify()
        var output = CommandOutput()
        for finding in result.findings { try output.write(EscapedText.forTerminal("\(finding)")) }
        if result.findingCount > result.findings.count {
            try output.write("and \(result.findingCount - result.findings.count) more")
        }
        let range = result.firstSequence.map { ", seq \($0) to \(result.head.sequence)" } ?? ""
        try output.write(
            "\(result.isIntact ? "intact" : "BROKEN"): \(result.lines) lines\(range), \(result.anchors) anchors, "
                + "\(result.unanchored) lines since the newest anchor")
        if result.lines > 0 { try output.write("head: \(result.head.sequence) \(result.head.code)") }
        try output.flush()
        if !result.isIntact { throw ExitCode(1) }
    }
}

extension AuditLayer: ExpressibleByArgument {}

/// `--since`: a time, or how long ago.
struct AuditTime: ExpressibleByArgument {
    let nanoseconds: Int64

    init?(argument: String) {
        let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        if let unit = argument.last.flatMap({ units[$0] }), let count = Int64(argument.dropLast()), count >= 0 {
            let (ago, overflow) = count.multipliedReportingOverflow(by: unit * 1_000_000_000)
            nanoseconds = overflow ? 0 : Timestamp.now() - ago
        } else if let time = Timestamp.parse(argument) ?? Timestamp.parse(argument + "T00:00:00Z") {
            nanoseconds = time
        } else {
            return nil
        }
    }
}
