// Who makes a call, as far as its refusals go: what a call needs that may be worked on by another thread.

internal import CapabilityModel

struct FileCaller: Sendable {
    let denials: any DenialSink
    let onDenied: DenialMode
    let host: WASIHost

    static func name(_ call: StaticString) -> String { "\(WASIFunctions.module).\(call)" }

    /// Tells of a refusal, and says how the call ends: by the errno, or by a trap where the policy says so.
    func deny(
        _ call: StaticString, _ key: PolicyKey, _ errno: Errno, _ arguments: @autoclosure () -> String
    ) -> CallFailure {
        deny(named: FileCaller.name(call), key, errno, arguments())
    }

    func deny(named name: String, _ key: PolicyKey, _ errno: Errno, _ arguments: String) -> CallFailure {
        let traps = onDenied == .trap
        denials.denied(
            Denial(
                call: name, arguments: FileCaller.bounded(arguments), layer: .wasi, key: key,
                errno: traps ? nil : errno.rawValue))
        return traps ? .trap("\(name) is denied by \(key.path)") : .errno(errno)
    }

    /// Why a descriptor lacks a right: it was given up, or its mount's policy lacks `needed`, which is a denial.
    func lacking(
        _ descriptor: Descriptor, _ needed: FileRights, _ call: StaticString, _ fd: UInt32
    ) -> CallFailure {
        guard let mount = descriptor.mount, !mount.grant.rights.isSuperset(of: needed) else {
            return .errno(.notcapable)
        }
        return deny(call, mount.key("access"), .notcapable, "fd=\(fd)")
    }

    /// At most 512 bytes, cut between characters.
    private static func bounded(_ text: String) -> String {
        guard text.utf8.count > 512 else { return text }
        var bytes = Array(text.utf8.prefix(509))
        while let last = bytes.last, last & 0xc0 == 0x80 { bytes.removeLast() }
        if let last = bytes.last, last >= 0xc0 { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self) + "…"
    }
}
