// Which environment variables a process sees: passed through, or set by the policy.

/// A value that may be secret: redacted in explain, audit and crash reports.
package struct EnvironmentValue: Hashable, Sendable {
    package var value: String
    package var isSecret: Bool

    package init(value: String, isSecret: Bool) {
        self.value = value
        self.isSecret = isSecret
    }

    /// What may be shown: the value, or that it is hidden.
    package var shown: String { isSecret ? "‹secret›" : value }
}

/// For each name one of: absent, one fixed value, or whatever the supervisor's environment holds. That order is the lattice.
package struct EnvironmentGrant: Hashable, Sendable {
    /// Names passed through from the supervisor's environment; `PREFIX_*` and `*` are patterns.
    package var allow: Set<String>
    /// Names set by the policy; these win over `allow`.
    package var set: [String: EnvironmentValue]
    /// Names that a pattern in `allow` covers and that are absent all the same: two policies set them differently.
    package var except: Set<String>

    package init(allow: Set<String> = [], set: [String: EnvironmentValue] = [:], except: Set<String> = []) {
        self.allow = allow
        self.set = set
        self.except = except
    }

    package var isEmpty: Bool { allow.isEmpty && set.isEmpty }

    /// Whether the supervisor's own value of `name` may pass.
    package func passes(_ name: String) -> Bool {
        set[name] == nil && !except.contains(name) && NamePattern.covers(allow, name)
    }

    /// What the guest sees, given the supervisor's environment; sorted by name.
    package func resolve(from own: [(name: String, value: String)]) -> [(name: String, value: EnvironmentValue)] {
        var seen = set
        for (name, value) in own where passes(name) {
            seen[name] = EnvironmentValue(value: value, isSecret: false)
        }
        return seen.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value) }
    }

    /// Names that `allow` repeats or contradicts are dropped, so that equal authority has one form.
    package var normalised: EnvironmentGrant {
        let wild = allow.filter { $0.utf8.last == UInt8(ascii: "*") }
        let exact = allow.filter { set[$0] == nil && !except.contains($0) }
        return EnvironmentGrant(
            allow: NamePattern.normalised(wild.union(exact)), set: set,
            except: except.filter { set[$0] == nil && NamePattern.covers(wild, $0) })
    }

    package func meet(_ other: EnvironmentGrant) -> EnvironmentGrant {
        var values: [String: EnvironmentValue] = [:]
        var absent = except.union(other.except)
        for name in Set(set.keys).union(other.set.keys) {
            switch (set[name], other.set[name]) {
            case (let left?, let right?) where left.value == right.value:
                values[name] = EnvironmentValue(value: left.value, isSecret: left.isSecret || right.isSecret)
            case (let left?, nil) where other.passes(name): values[name] = left
            case (nil, let right?) where passes(name): values[name] = right
            default: absent.insert(name)
            }
        }
        return EnvironmentGrant(allow: NamePattern.meet(allow, other.allow), set: values, except: absent).normalised
    }

    package func isSubset(of other: EnvironmentGrant) -> Bool {
        let valuesFit = set.allSatisfy { name, value in
            if let theirs = other.set[name] {
                return theirs.value == value.value && (value.isSecret || !theirs.isSecret)
            }
            return other.passes(name)
        }
        let wild = allow.allSatisfy { NamePattern.covers(other.allow, $0) }
        // A name that the other one fixes or leaves out must not pass freely here.
        let narrowed = Set(other.set.keys).union(other.except)
        return valuesFit && wild && narrowed.allSatisfy { !passes($0) }
    }
}
