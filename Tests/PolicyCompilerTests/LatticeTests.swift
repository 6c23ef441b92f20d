// Capability sets are a lattice, and everything lowered from them is monotone in it.

import CapabilityModel
import PolicyCompiler
import Testing

@Suite struct LatticeTests {
    /// BULKHEAD_FUZZ_FACTOR for a longer search.
    private static let rounds = 150 * (ProcessEnvironment.value("BULKHEAD_FUZZ_FACTOR").flatMap { Int($0) } ?? 1)

    /// Runs `body` on random triples; `body` says what is wrong.
    private func forTriples(_ name: String, _ body: (CapabilitySet, CapabilitySet, CapabilitySet) -> String?) {
        let seed = testSeed(name)
        var source = SplitMix(state: seed)
        for round in 0..<LatticeTests.rounds {
            let triple = (
                CapabilitySet.random(&source), CapabilitySet.random(&source), CapabilitySet.random(&source)
            )
            if let wrong = body(triple.0, triple.1, triple.2) {
                Issue.record("seed \(seed), round \(round): \(wrong)\n\(triple)")
                return
            }
        }
    }

    @Test func meetIsCommutative() {
        forTriples("commutative") { a, b, _ in a.meet(b) == b.meet(a) ? nil : "\(a.meet(b))\n\(b.meet(a))" }
    }

    @Test func meetIsAssociative() {
        forTriples("associative") { a, b, c in
            let (left, right) = (a.meet(b).meet(c), a.meet(b.meet(c)))
            return left == right ? nil : "\(left)\n\(right)"
        }
    }

    @Test func meetIsIdempotent() {
        forTriples("idempotent") { a, _, _ in a.meet(a) == a ? nil : "\(a.meet(a))" }
    }

    @Test func meetIsNeverWiderThanEither() {
        forTriples("lower bound") { a, b, _ in
            a.meet(b).isSubset(of: a) && a.meet(b).isSubset(of: b) ? nil : "\(a.meet(b))"
        }
    }

    @Test func meetIsTheGreatestLowerBound() {
        forTriples("greatest") { a, b, c in
            let lower = a.meet(b).meet(c)
            return lower.isSubset(of: a.meet(b))
                && (!c.isSubset(of: a) || !c.isSubset(of: b) || c.isSubset(of: a.meet(b)))
                ? nil : "\(lower)"
        }
    }

    @Test func orderIsReflexiveAndTransitive() {
        forTriples("order") { a, b, c in
            guard a.isSubset(of: a) else { return "not reflexive" }
            // Random sets are seldom nested, so the chain is made of meets.
            let (low, middle) = (a.meet(b).meet(c), a.meet(b))
            return low.isSubset(of: middle) && middle.isSubset(of: a) && low.isSubset(of: a) ? nil : "not transitive"
        }
    }

    @Test func normalFormIsStable() {
        forTriples("normal form") { a, b, _ in
            a.normalised == a && a.meet(b).normalised == a.meet(b) ? nil : "\(a.normalised)"
        }
    }

    @Test func somethingIsSharedOften() {
        var source = SplitMix(state: 1)
        var counts = (mounts: 0, connect: 0, environment: 0)
        for _ in 0..<100 {
            let both = CapabilitySet.random(&source).meet(CapabilitySet.random(&source))
            if !both.mounts.isEmpty { counts.mounts += 1 }
            if !both.connect.isEmpty { counts.connect += 1 }
            if !both.environment.isEmpty { counts.environment += 1 }
        }
        #expect(counts.mounts > 20 && counts.connect > 20 && counts.environment > 20, "\(counts)")
    }

    @Test func importTableIsMonotone() {
        forTriples("import table") { a, b, _ in
            let (low, high) = (ImportTableLowering.table(for: a.meet(b)), ImportTableLowering.table(for: a))
            for (name, disposition) in low.entries where disposition == .granted && high[name] != .granted {
                return "\(name)"
            }
            return nil
        }
    }

    @Test func kernelProfileIsMonotone() {
        forTriples("kernel profile") { a, b, _ in
            KernelOrder.excess(KernelLowering.profile(for: a.meet(b)), over: KernelLowering.profile(for: a))
        }
    }

    @Test func equalCapabilitiesGiveEqualLowerings() {
        forTriples("pure") { a, b, _ in
            let (left, right) = (a.meet(b), b.meet(a))
            return KernelLowering.profile(for: left) == KernelLowering.profile(for: right)
                && ImportTableLowering.table(for: left) == ImportTableLowering.table(for: right) ? nil : "not pure"
        }
    }
}

/// Whether one kernel profile allows no more than another.
enum KernelOrder {
    /// What `low` allows and `high` does not.
    static func excess(_ low: KernelProfile, over high: KernelProfile) -> String? {
        for rule in low.syscalls {
            let covered = high.syscalls.contains { other in
                other.name == rule.name && other.arguments.allSatisfy { rule.arguments.contains($0) }
            }
            if !covered { return "syscall \(rule.name)" }
        }
        for rule in low.landlock {
            for access in rule.access {
                let covered = high.landlock.contains { other in
                    let base = other.hostPath == "/" ? "/" : other.hostPath + "/"
                    return other.access.contains(access)
                        && (other.hostPath == rule.hostPath || rule.hostPath.hasPrefix(base))
                }
                if !covered { return "landlock \(access) on \(rule.hostPath)" }
            }
        }
        for rule in high.resourceLimits {
            guard let own = low.resourceLimits.first(where: { $0.name == rule.name }) else { return rule.name }
            if own.value > rule.value { return "rlimit \(rule.name)" }
        }
        return Set(high.namespaces).isSubset(of: low.namespaces) ? nil : "namespaces"
    }
}
