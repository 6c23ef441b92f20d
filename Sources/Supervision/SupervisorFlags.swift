// A supervisor's own settings (supervisor(3), sup_flags()), and what of them and of its children is refused.

package enum Strategy: UInt8, Hashable, Sendable, CaseIterable {
    case oneForOne, oneForAll, restForOne, simpleOneForOne
}

/// Whether the end of significant children ends their supervisor.
package enum AutoShutdown: UInt8, Hashable, Sendable, CaseIterable {
    case never, anySignificant, allSignificant
}

package struct SupervisorFlags: Hashable, Sendable {
    package var strategy: Strategy
    /// Restarts within the period that are borne; one more ends the supervisor.
    package var intensity: Int
    /// In seconds.
    package var period: Int
    package var autoShutdown: AutoShutdown
    /// A pause before each restart; none in OTP.
    package var backoff: Backoff?

    package init(
        strategy: Strategy = .oneForOne, intensity: Int = 1, period: Int = 5, autoShutdown: AutoShutdown = .never,
        backoff: Backoff? = nil
    ) {
        self.strategy = strategy
        self.intensity = intensity
        self.period = period
        self.autoShutdown = autoShutdown
        self.backoff = backoff
    }

    /// - Throws: whatever OTP refuses: first what is wrong with the flags, then with the children in their order.
    package func validate(_ children: [ChildSpec]) throws(SpecError) {
        guard intensity >= 0 else { throw .invalidIntensity(intensity) }
        guard period > 0 else { throw .invalidPeriod(period) }
        if let backoff { try backoff.validate() }
        if strategy == .simpleOneForOne, children.count != 1 { throw .notExactlyOneChild(children.count) }
        var ids = Set<ChildID>(minimumCapacity: children.count)
        for child in children {
            try child.validate(under: autoShutdown)
            guard ids.insert(child.id).inserted else { throw .duplicateChild(child.id) }
        }
    }
}

/// Why a supervisor or a child is not taken.
package enum SpecError: Error, Hashable, Sendable {
    /// Below 0.
    case invalidIntensity(Int)
    /// Below 1 s.
    case invalidPeriod(Int)
    case invalidBackoff
    /// OTP: `{duplicate_child_name, Id}`.
    case duplicateChild(ChildID)
    /// OTP: `{bad_combination, [{auto_shutdown, never}, {significant, true}]}`.
    case significantWithoutAutoShutdown(ChildID)
    /// OTP: `{bad_combination, [{restart, permanent}, {significant, true}]}`.
    case significantPermanent(ChildID)
    /// simple_one_for_one wants one specification; OTP: `{bad_start_spec, Specs}`.
    case notExactlyOneChild(Int)
    /// A supervisor becomes simple_one_for_one, or ceases to be.
    case changeOfSimpleOneForOne
    /// Arguments instead of a specification, where the supervisor is none of simple_one_for_one.
    case notASpecification
}
