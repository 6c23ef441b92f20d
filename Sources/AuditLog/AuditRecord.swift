// One line of the log, read back. A line may be anything: what does not parse is no record, and never an error that stops.

package import CapabilityModel

package struct AuditRecord: Hashable, Sendable {
    package var sequence: UInt64
    /// Nanoseconds since 1970, UTC.
    package var time: Int64
    package var event: AuditEvent

    /// nil for a line that is not one of ours; says nothing about its authenticity (AuditVerifier does).
    package init?(line: ArraySlice<UInt8>) {
        guard line.count <= ChainedLine.maximumBytes, let value = JSONValue(Array(line)),
            let sequence = value["seq"]?.unsigned, let time = value["time"]?.string.flatMap(Timestamp.parse),
            let process = value["process"]?.string, let policy = value["policy"]?.string,
            let claim = value["claim"]?.bool, let kind = AuditEvent.Kind(value)
        else { return nil }
        self.sequence = sequence
        self.time = time
        event = AuditEvent(process: process, policyDigest: policy, isClaim: claim, kind: kind)
    }
}

extension AuditEvent.Kind {
    fileprivate init?(_ value: JSONValue) {
        switch value["kind"]?.string {
        case "policy_loaded":
            guard let sources = value.strings("sources") else { return nil }
            self = .policyLoaded(sources: sources)
        case "started":
            guard let module = value["module"]?.string, let digest = value["module_digest"]?.string,
                let arguments = value.strings("arguments")
            else { return nil }
            self = .started(module: module, moduleDigest: digest, arguments: arguments)
        case "module_loaded":
            guard let name = value["module"]?.string, let digest = value["module_digest"]?.string else { return nil }
            self = .moduleLoaded(name: name, moduleDigest: digest)
        case "process_exited":
            guard let process = value["process_id"]?.unsigned, let reason = value["reason"]?.string,
                let detail = value["detail"]?.string
            else { return nil }
            self = .processExited(process: process, reason: reason, detail: detail)
        case "denied":
            guard let denial = Denial(value), let origins = value["origins"]?.array else { return nil }
            self = .denied(denial, origins: origins.compactMap { PolicyOrigin($0) })
        case "exited":
            guard let reason = ExitReason(value) else { return nil }
            self = .exited(reason)
        case "limit_reached":
            guard let limit = value["limit"]?.string.flatMap(LimitKind.init(rawValue:)),
                let used = value["used"]?.unsigned, let allowed = value["allowed"]?.unsigned
            else { return nil }
            self = .limitReached(limit, used: used, allowed: allowed)
        case "dropped":
            guard let count = value["count"]?.unsigned else { return nil }
            self = .dropped(count: count)
        case "cache_rejected":
            guard let entry = value["entry"]?.string, let why = value["why"]?.string else { return nil }
            self = .cacheRejected(entry: entry, why: why)
        case "weakened":
            guard let what = value["what"]?.string else { return nil }
            self = .weakened(what: what)
        case "log_mended":
            guard let torn = value["torn_bytes"]?.unsigned, let missing = value["missing_lines"]?.unsigned else {
                return nil
            }
            self = .logMended(tornBytes: torn, missingLines: missing)
        default: return nil
        }
    }
}

extension Denial {
    fileprivate init?(_ value: JSONValue) {
        guard let call = value["call"]?.string, let arguments = value["arguments"]?.string,
            let layer = value["layer"]?.string.flatMap(AuditLayer.init(rawValue:)), let key = value["key"]?.string,
            let count = value["count"]?.unsigned
        else { return nil }
        let errno = value["errno"]?.unsigned.flatMap { UInt16(exactly: $0) }
        self.init(
            call: call, arguments: arguments, layer: layer, key: PolicyKey(key), errno: errno, count: count,
            process: value["process_id"]?.unsigned)
    }
}

extension PolicyOrigin {
    fileprivate init?(_ value: JSONValue) {
        guard let file = value["file"]?.string, let line = value["line"]?.unsigned,
            let column = value["column"]?.unsigned, let key = value["key"]?.string, let present = value["present"]?.bool
        else { return nil }
        self.init(
            file: file, line: Int(clamping: line), column: Int(clamping: column), keyPath: key, isPresent: present)
    }
}

extension ExitReason {
    fileprivate init?(_ value: JSONValue) {
        switch value["reason"]?.string {
        case "normal": self = .normal
        case "exited":
            guard let code = value["code"]?.unsigned.flatMap({ UInt32(exactly: $0) }) else { return nil }
            self = .exited(code: code)
        case "trap":
            guard let kind = value["trap"]?.string, let message = value["message"]?.string,
                let frames = value["backtrace"]?.array
            else { return nil }
            self = .trap(kind: kind, message: message, backtrace: frames.compactMap { WasmFrame($0) })
        case "limit":
            guard let limit = value["limit"]?.string.flatMap(LimitKind.init(rawValue:)),
                let used = value["used"]?.unsigned, let allowed = value["allowed"]?.unsigned
            else { return nil }
            self = .limit(limit, used: used, allowed: allowed)
        case "refused":
            guard let message = value["message"]?.string else { return nil }
            self = .refused(message: message)
        case "signal":
            guard let signal = value["signal"]?.unsigned.flatMap({ Int32(exactly: $0) }) else { return nil }
            self = .killedBySignal(signal)
        case "cell_failed":
            guard let message = value["message"]?.string else { return nil }
            self = .cellFailed(message: message)
        case "shutdown": self = .shutdown
        case "kill": self = .kill
        case "killed": self = .killed
        case "noproc": self = .noproc
        case "noconnection": self = .noconnection
        case "bytes":
            guard let bytes = value["bytes"]?.string.flatMap(Hexadecimal.bytes) else { return nil }
            self = .bytes(bytes)
        case "shutdown_with":
            guard let bytes = value["bytes"]?.string.flatMap(Hexadecimal.bytes) else { return nil }
            self = .shutdownWith(bytes)
        default: return nil
        }
    }
}

extension WasmFrame {
    fileprivate init?(_ value: JSONValue) {
        guard let index = value["index"]?.unsigned.flatMap({ UInt32(exactly: $0) }),
            let offset = value["offset"]?.unsigned, let moduleOffset = value["module_offset"]?.unsigned
        else { return nil }
        self.init(
            function: value["function"]?.string, functionIndex: index, functionOffset: offset,
            moduleOffset: moduleOffset)
    }
}

extension JSONValue {
    /// nil unless it is an array of strings only.
    fileprivate func strings(_ name: String) -> [String]? {
        guard let elements = self[name]?.array else { return nil }
        let strings = elements.compactMap(\.string)
        return strings.count == elements.count ? strings : nil
    }
}
