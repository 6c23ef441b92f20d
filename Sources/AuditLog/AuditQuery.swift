// Which events somebody wants to see.

package import CapabilityModel

/// Conditions that all must hold; those that are nil hold always.
package struct AuditQuery: Hashable, Sendable {
    /// The whole name, the part before the last `/` (the module's name), or the part behind it (the pid).
    package var process: String?
    /// A prefix of the policy's digest, or a file that the event's policy sources or origins name.
    package var policy: String?
    /// The whole call, or its name without the module.
    package var call: String?
    package var layer: AuditLayer?
    /// Nanoseconds since 1970.
    package var since: Int64?

    package init(
        process: String? = nil, policy: String? = nil, call: String? = nil, layer: AuditLayer? = nil,
        since: Int64? = nil
    ) {
        self.process = process
        self.policy = policy
        self.call = call
        self.layer = layer
        self.since = since
    }

    package func matches(_ record: AuditRecord) -> Bool {
        if let since, record.time < since { return false }
        if let process, !matches(process: process, record.event.process) { return false }
        if let policy, !matches(policy: policy, record.event) { return false }
        guard call != nil || layer != nil else { return true }
        guard case .denied(let denial, _) = record.event.kind else { return false }
        if let layer, denial.layer != layer { return false }
        if let call, denial.call != call, !denial.call.hasSuffix("." + call) { return false }
        return true
    }

    private func matches(process wanted: String, _ name: String) -> Bool {
        if name == wanted { return true }
        guard let slash = name.lastIndex(of: "/") else { return false }
        return name[..<slash] == wanted || name[name.index(after: slash)...] == wanted
    }

    private func matches(policy wanted: String, _ event: AuditEvent) -> Bool {
        if wanted.utf8.count >= 4, event.policyDigest.hasPrefix(wanted) { return true }
        let files: [String] =
            switch event.kind {
            case .policyLoaded(let sources): sources
            case .denied(_, let origins): origins.map(\.file)
            default: []
            }
        return files.contains { $0 == wanted || $0.hasSuffix("/" + wanted) || $0 == "builtin:" + wanted }
    }
}
