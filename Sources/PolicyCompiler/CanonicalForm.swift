// The canonical text of a compiled policy and its digest: equal digests mean equal authority and limits.

internal import CapabilityModel
internal import Crypto

enum CanonicalForm {
    /// One line a fact, in a fixed order; secrets by hash only.
    static func text(_ policy: ResolvedPolicy, _ children: [NamedPolicy]) -> String {
        var lines = ["bulkhead-policy 2"] + lines(of: policy.capabilities)
        lines.append("process.park_after \(number(policy.parkAfter))")
        for child in children where child.isWritten {
            lines.append("policy \(child.name) \(digest(of: child))")
        }
        lines.append("on_denied \(policy.onDenied)")
        lines += policy.modulePins.sorted().map { "module.sha256 \($0)" }
        lines.append("cell.profile \(policy.profile?.rawValue ?? "auto")")
        lines += policy.require.sorted().map { "cell.require \($0)" }
        lines.append("cell.seccomp \(policy.seccomp.rawValue)")
        return lines.joined(separator: "\n") + "\n"
    }

    /// Of what a child under it may do at most.
    static func digest(of child: NamedPolicy) -> String {
        digest((lines(of: child.capabilities) + ["on_denied \(child.onDenied)"]).joined(separator: "\n"))
    }

    private static func lines(of set: CapabilitySet) -> [String] {
        var lines: [String] = []
        for mount in set.mounts {
            lines.append(
                "fs \(TOMLText.string(mount.guestPath)) \(TOMLText.string(mount.hostPath)) "
                    + "\(mount.rights.names.joined(separator: ",")) \(mount.symlinks) "
                    + "\(number(mount.quotaBytes)) \(number(mount.quotaFiles))")
        }
        lines += set.connect.map { "net.connect \(TOMLText.string($0.description))" }
        lines += set.listen.map { "net.listen \(TOMLText.string($0.description))" }
        lines += set.resolve.map { "net.resolve \($0)" }
        lines += set.environment.allow.sorted().map { "env.allow \(TOMLText.string($0))" }
        lines += set.environment.except.sorted().map { "env.except \(TOMLText.string($0))" }
        for (name, value) in set.environment.set.sorted(by: { $0.key < $1.key }) {
            let shown = value.isSecret ? "secret " + digest(value.value) : TOMLText.string(value.value)
            lines.append("env.set \(TOMLText.string(name)) \(shown)")
        }
        lines.append("args \(set.arguments)")
        for name in ["stdin", "stdout", "stderr"] { lines.append("stdio.\(name) \(stream(set.stdio[name]))") }
        for name in ["realtime", "monotonic", "cpu"] { lines.append("clocks.\(name) \(number(set.clocks[name]))") }
        lines.append("random \(set.random)")
        lines.append("process.spawn \(set.limits.processes)")
        for key in ["policies", "register", "lookup"] {
            lines += set.process[key].sorted().map { "process.\(key) \(TOMLText.string($0))" }
        }
        for key in LimitKey.allCases { lines.append("limits.\(key.rawValue) \(number(set.limits[key]))") }
        return lines
    }

    private static func number(_ value: UInt64?) -> String { value.map(String.init) ?? "none" }

    static func stream(_ grant: StreamGrant) -> String {
        switch grant {
        case .closed: "closed"
        case .null: "null"
        case .inherit: "inherit"
        case .log: "log"
        case .file(let path): "file \(TOMLText.string(path))"
        }
    }

    /// SHA-256, hexadecimal.
    static func digest(_ text: String) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var hexadecimal: [UInt8] = []
        hexadecimal.reserveCapacity(64)
        for byte in SHA256.hash(data: Array(text.utf8)) {
            hexadecimal.append(digits[Int(byte >> 4)])
            hexadecimal.append(digits[Int(byte & 15)])
        }
        return String(decoding: hexadecimal, as: UTF8.self)
    }
}
