// From an event to the fields of its line. docs/audit-event.schema.json documents what stands here; a test holds the two
// together.

internal import CapabilityModel

extension JSONLine {
    /// Everything of an event but its sequence number and its authentication code; `time` in nanoseconds since 1970, UTC.
    init(_ event: AuditEvent, time: Int64) {
        self.init(continuing: true)
        field("time", Timestamp.text(time))
        field("kind", event.kind.name)
        field("process", event.process, limit: 256)
        field("policy", event.policyDigest, limit: 128)
        field("claim", event.isClaim)
        switch event.kind {
        case .policyLoaded(let sources):
            field("sources", sources)
        case .started(let module, let digest, let arguments):
            field("module", module)
            field("module_digest", digest, limit: 128)
            field("arguments", arguments)
        case .moduleLoaded(let name, let digest):
            field("module", name)
            field("module_digest", digest, limit: 128)
        case .denied(let denial, let origins):
            field("call", denial.call, limit: 256)
            field("arguments", denial.arguments, limit: 1024)
            field("layer", denial.layer.rawValue)
            field("key", denial.key.path)
            if let errno = denial.errno { field("errno", UInt64(errno)) } else { null("errno") }
            field("count", denial.count)
            if let process = denial.process { field("process_id", process) } else { null("process_id") }
            field("origins", origins, limit: 16) { line, origin in
                line.field("file", origin.file)
                line.field("line", UInt64(max(0, origin.line)))
                line.field("column", UInt64(max(0, origin.column)))
                line.field("key", origin.keyPath)
                line.field("present", origin.isPresent)
            }
        case .exited(let reason):
            encode(reason)
        case .processExited(let process, let reason, let detail):
            field("process_id", process)
            field("reason", reason, limit: 64)
            field("detail", detail, limit: 1024)
        case .limitReached(let limit, let used, let allowed):
            field("limit", limit.rawValue)
            field("used", used)
            field("allowed", allowed)
        case .dropped(let count):
            field("count", count)
        case .cacheRejected(let entry, let why):
            field("entry", entry, limit: 256)
            field("why", why)
        case .weakened(let what):
            field("what", what)
        case .logMended(let tornBytes, let missingLines):
            field("torn_bytes", tornBytes)
            field("missing_lines", missingLines)
        }
    }

    private mutating func encode(_ reason: ExitReason) {
        field("reason", reason.name)
        switch reason {
        case .normal: break
        case .exited(let code): field("code", UInt64(code))
        case .trap(let kind, let message, let backtrace):
            field("trap", kind)
            field("message", message, limit: 1024)
            field("backtrace", backtrace, limit: 32) { line, frame in
                if let function = frame.function {
                    line.field("function", function, limit: 256)
                } else {
                    line.null("function")
                }
                line.field("index", UInt64(frame.functionIndex))
                line.field("offset", frame.functionOffset)
                line.field("module_offset", frame.moduleOffset)
            }
        case .limit(let limit, let used, let allowed):
            field("limit", limit.rawValue)
            field("used", used)
            field("allowed", allowed)
        case .refused(let message), .cellFailed(let message): field("message", message, limit: 1024)
        case .killedBySignal(let signal): field("signal", UInt64(max(0, signal)))
        case .shutdown, .kill, .killed, .noproc, .noconnection: break
        case .bytes(let bytes), .shutdownWith(let bytes):
            field("bytes", Hexadecimal.text(bytes.prefix(512)), limit: 1100)
            field("length", UInt64(bytes.count))
        }
    }
}

extension AuditEvent.Kind {
    /// The `kind` field.
    package var name: String {
        switch self {
        case .policyLoaded: "policy_loaded"
        case .started: "started"
        case .moduleLoaded: "module_loaded"
        case .processExited: "process_exited"
        case .denied: "denied"
        case .exited: "exited"
        case .limitReached: "limit_reached"
        case .dropped: "dropped"
        case .cacheRejected: "cache_rejected"
        case .weakened: "weakened"
        case .logMended: "log_mended"
        }
    }
}

extension ExitReason {
    /// The `reason` field.
    package var name: String {
        switch self {
        case .normal: "normal"
        case .exited: "exited"
        case .trap: "trap"
        case .limit: "limit"
        case .refused: "refused"
        case .killedBySignal: "signal"
        case .cellFailed: "cell_failed"
        case .shutdown: "shutdown"
        case .shutdownWith: "shutdown_with"
        case .kill: "kill"
        case .killed: "killed"
        case .noproc: "noproc"
        case .noconnection: "noconnection"
        case .bytes: "bytes"
        }
    }
}
