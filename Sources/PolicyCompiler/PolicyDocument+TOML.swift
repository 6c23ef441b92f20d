// Prints a document as the TOML that would say the same.

internal import CapabilityModel

extension PolicyDocument {
    /// TOML that parses to a document of the same meaning; host paths are absolute in it. Secrets are named by their
    /// source, their values are not in a document's text.
    package var tomlText: String {
        var lines: [String] = []
        if let summary { lines.append("description = \(TOMLText.string(summary))") }
        if let extends { lines.append("extends = \(TOMLText.string(extends.value))") }
        if let onDenied { lines.append("on_denied = \(TOMLText.string("\(onDenied.value)"))") }
        if let arguments { lines.append("args = \(arguments.value)") }
        if let random { lines.append("random = \(random.value)") }
        let clockNames = ["realtime", "monotonic", "cpu"]
        let steps = clockNames.compactMap { name in
            clocks[name].map { "\(name) = \(PolicyDocument.clockText($0.value))" }
        }
        if !steps.isEmpty { lines.append("clocks = { \(steps.joined(separator: ", ")) }") }
        if mounts?.isEmpty == true { lines.append("fs = []") }
        for mount in mounts ?? [] { lines += ["", "[[fs]]"] + PolicyDocument.mountLines(mount) }
        append("net", networkLines, to: &lines)
        append("env", environmentLines, to: &lines)
        append("stdio", streamLines, to: &lines)
        append("process", processLines, to: &lines)
        append("limits", limitLines, to: &lines)
        if let modulePins { append("module", ["sha256 = \(TOMLText.array(modulePins.map(\.value)))"], to: &lines) }
        append("cell", cellLines, to: &lines)
        return lines.drop { $0.isEmpty }.joined(separator: "\n") + "\n"
    }

    private func append(_ table: String, _ body: [String], to lines: inout [String]) {
        if !body.isEmpty { lines += ["", "[\(table)]"] + body }
    }

    /// `true` for full resolution, which is a step of one nanosecond.
    static func clockText(_ step: UInt64?) -> String {
        guard let step else { return "false" }
        return step == 1 ? "true" : TOMLText.string(Units.durationText(step))
    }

    private static func mountLines(_ mount: WrittenMount) -> [String] {
        let grant = mount.grant
        var lines = [
            "guest = \(TOMLText.string(grant.guestPath))", "host = \(TOMLText.string(grant.hostPath))",
            "access = \(accessText(grant.rights))",
        ]
        if mount.keys["symlinks"] != nil { lines.append("symlinks = \"\(grant.symlinks)\"") }
        if let bytes = grant.quotaBytes { lines.append("quota_bytes = \"\(Units.sizeText(bytes))\"") }
        if let files = grant.quotaFiles { lines.append("quota_files = \(files)") }
        return lines
    }

    static func accessText(_ rights: FileRights) -> String {
        switch rights {
        case .readOnly: "\"read-only\""
        case .readWrite: "\"read-write\""
        default: TOMLText.array(rights.names)
        }
    }

    private var networkLines: [String] {
        var lines: [String] = []
        if let connect { lines.append("connect = \(TOMLText.array(connect.map(\.value.description)))") }
        if let listen { lines.append("listen = \(TOMLText.array(listen.map(\.value.description)))") }
        if let resolve { lines.append("resolve = \(TOMLText.array(resolve.map(\.value.description)))") }
        return lines
    }

    private var environmentLines: [String] {
        var lines: [String] = []
        if let environmentAllow { lines.append("allow = \(TOMLText.array(environmentAllow.map(\.value)))") }
        for (name, source) in environmentSet.sorted(by: { $0.key < $1.key }) {
            let key = TableReader.quoted(name)
            switch source.value {
            case .text(let text): lines.append("set.\(key) = \(TOMLText.string(text))")
            case .secretFile(let path): lines.append("secret.\(key) = { file = \(TOMLText.string(path)) }")
            case .secretDescriptor(let descriptor): lines.append("secret.\(key) = { fd = \(descriptor) }")
            }
        }
        return lines
    }

    private var streamLines: [String] {
        ["stdin", "stdout", "stderr"].compactMap { name in
            streams[name].map { stream in
                if case .file(let path) = stream.value { return "\(name) = { file = \(TOMLText.string(path)) }" }
                return "\(name) = \"\(stream.value)\""
            }
        }
    }

    private var processLines: [String] {
        let names = ["policies", "register", "lookup"].compactMap { key in
            processNames[key].map { "\(key) = \(TOMLText.array($0.map(\.value)))" }
        }
        let parking = parkAfter.map { ["park_after = \"\($0.value.map(Units.durationText) ?? "never")\""] } ?? []
        return (spawn.map { ["spawn = \($0.value)"] } ?? []) + names + parking
    }

    private var limitLines: [String] {
        LimitKey.allCases.compactMap { key in
            limits[key].map { limit in
                let text = Units.text(limit.value, of: key)
                return "\(key.rawValue) = \(text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? text : "\"\(text)\"")"
            }
        }
    }

    private var cellLines: [String] {
        var lines: [String] = []
        if let profile { lines.append("profile = \"\(profile.value?.rawValue ?? "auto")\"") }
        if let require { lines.append("require = \(TOMLText.array(require.map(\.value)))") }
        if let seccomp { lines.append("seccomp = \"\(seccomp.value.rawValue)\"") }
        return lines
    }
}
