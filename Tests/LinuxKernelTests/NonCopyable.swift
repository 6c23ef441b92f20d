// Swift Testing's macros take copyable values only; these take the others.

import LinuxKernel
import Testing

struct Missing: Error {}

/// `#require` for values that cannot be copied.
func unwrap<Value: ~Copyable>(_ value: consuming Value?) throws -> Value {
    guard let value else { throw Missing() }
    return value
}

func isPresent<Value: ~Copyable>(_ value: borrowing Value?) -> Bool {
    switch value {
    case .none: false
    case .some: true
    }
}
