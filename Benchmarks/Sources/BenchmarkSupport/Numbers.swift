// Numbers as people and programs read them.

/// With a unit that suits: `8.12 ms`, `740 ns`, `4.2 ns`.
package func shown(_ nanoseconds: Double) -> String {
    for (unit, size) in [("s", 1e9), ("ms", 1e6), ("µs", 1e3)] where nanoseconds >= size {
        return "\(fixed(nanoseconds / size, 2)) \(unit)"
    }
    return "\(fixed(nanoseconds, nanoseconds < 100 ? 1 : 0)) ns"
}

/// With so many decimals, rounded.
package func fixed(_ value: Double, _ decimals: Int) -> String {
    var scale = 1
    for _ in 0..<decimals { scale *= 10 }
    let rounded = Int((value * Double(scale)).rounded())
    guard decimals > 0 else { return "\(rounded)" }
    let rest = "\(abs(rounded) % scale)"
    return (rounded < 0 ? "-" : "") + "\(abs(rounded) / scale)."
        + String(repeating: "0", count: decimals - rest.count) + rest
}
