// Names for what the machine and its driver speak of. The driver chooses all but the attempts' and the timers'.

/// A child specification's identifier, unique within its supervisor.
package struct ChildID: Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    package var name: String

    package init(_ name: String) { self.name = name }

    package init(stringLiteral name: String) { self.name = name }

    package var description: String { name }
}

/// A process, as the driver names it; never used again for another one within a supervisor's life.
package struct ProcessKey: Hashable, Sendable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// A start function with its arguments, as the driver names it.
package struct StartKey: Hashable, Sendable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// One call of a start function.
package struct StartAttempt: Hashable, Sendable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// A request that awaits its reply, as the driver names it.
package struct CallKey: Hashable, Sendable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// A timer of this supervisor; numbers are not used twice.
package struct TimerKey: Hashable, Sendable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// A child as OTP's requests name it: by its specification, or, under simple_one_for_one, by its process (when it is being
/// restarted, by the process that it last was).
package enum ChildKey: Hashable, Sendable {
    case id(ChildID)
    case process(ProcessKey)
}
