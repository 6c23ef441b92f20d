// Who enforces each grant (DESIGN.md, invariant 1).

package import CapabilityModel

package enum Enforcement {
    /// The last to say no when the guest has broken out of Wasm.
    package static func enforcer(of key: PolicyKey) -> Enforcer {
        let path = key.path
        if path.hasPrefix("fs") {
            return path.hasSuffix("quota_bytes") || path.hasSuffix("quota_files") || path.hasSuffix("symlinks")
                ? .wasmOnly : .kernel
        }
        // Which process of a cell does what, only Wasm knows.
        if path.hasPrefix("clocks") || path == "random" || path.hasPrefix("process.") { return .wasmOnly }
        switch path {
        case "limits.memory", "limits.tables", "limits.stack", "limits.mailbox_messages", "limits.mailbox_bytes":
            return .wasmOnly
        case "limits.cpu", "limits.fds": return .kernel
        default: return .broker
        }
    }

    /// Keys of grants that hold only while the Wasm sandbox does: clock steps, quotas, and children with less than their
    /// parents.
    static func wasmOnlyGrants(_ capabilities: CapabilitySet) -> [PolicyKey] {
        var keys: [PolicyKey] = []
        for name in ["realtime", "monotonic", "cpu"] {
            if let step = capabilities.clocks[name], step > 1 { keys.append(PolicyKey("clocks.\(name)")) }
        }
        if !capabilities.process.policies.isEmpty { keys.append(PolicyKey("process.policies")) }
        for mount in capabilities.mounts {
            if mount.quotaBytes != nil { keys.append(PolicyKey("\(mount.key.path).quota_bytes")) }
            if mount.quotaFiles != nil { keys.append(PolicyKey("\(mount.key.path).quota_files")) }
        }
        return keys
    }
}
