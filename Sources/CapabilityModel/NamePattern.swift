// Sets of names in which a trailing `*` stands for any ending: environment variables, process names, policy names.

/// Operations on sets of name patterns. A pattern is a name, or a prefix followed by `*`.
///
/// Two patterns are nested or disjoint, so the maximal patterns of a set are its only normal form.
package enum NamePattern {
    /// Whether every name that `inner` covers is covered by `outer`.
    package static func covers(_ outer: String, _ inner: String) -> Bool {
        if outer == inner { return true }
        guard outer.utf8.last == UInt8(ascii: "*") else { return false }
        return inner.utf8.starts(with: outer.utf8.dropLast())
    }

    /// Whether one of `patterns` covers the name or pattern.
    package static func covers(_ patterns: Set<String>, _ name: String) -> Bool {
        patterns.contains(name) || patterns.contains { covers($0, name) }
    }

    package static func isSubset(_ left: Set<String>, of right: Set<String>) -> Bool {
        left.allSatisfy { covers(right, $0) }
    }

    /// The maximal patterns.
    package static func normalised(_ patterns: Set<String>) -> Set<String> {
        patterns.filter { pattern in !patterns.contains { $0 != pattern && covers($0, pattern) } }
    }

    package static func meet(_ left: Set<String>, _ right: Set<String>) -> Set<String> {
        let inner = left.filter { covers(right, $0) }.union(right.filter { covers(left, $0) })
        return normalised(inner)
    }
}
