// Sizes and durations as people write them.

/// Bytes and nanoseconds with units, both ways.
package enum Units {
    private static let sizes: [(name: String, value: UInt64)] = [
        ("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1),
    ]
    private static let durations: [(name: String, value: UInt64)] = [
        ("d", 86_400_000_000_000), ("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000),
        ("ms", 1_000_000), ("us", 1000), ("ns", 1),
    ]

    /// `64 MiB`, `64MiB` or `65536`; nil where it is no such text or past 2^64 - 1.
    package static func bytes(_ text: String) -> UInt64? {
        amount(text, sizes, bare: 1)
    }

    /// `10s`, `250 ms`; a unit is needed.
    package static func nanoseconds(_ text: String) -> UInt64? {
        amount(text, durations, bare: nil)
    }

    /// `20%` or `20 %`; nil where it is no such text.
    package static func percent(_ text: String) -> UInt64? {
        amount(text, [("%", 1)], bare: nil)
    }

    private static func amount(_ text: String, _ units: [(name: String, value: UInt64)], bare: UInt64?) -> UInt64? {
        let digits = text.utf8.prefix {
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: "_")
        }
        guard let number = UInt64(String(Substring(digits)).filter { $0 != "_" }) else { return nil }
        let rest = Substring(text.utf8.dropFirst(digits.count).drop { $0 == UInt8(ascii: " ") })
        let unit = rest.isEmpty ? bare : units.first { $0.name == rest }?.value
        guard let unit else { return nil }
        let (product, overflow) = number.multipliedReportingOverflow(by: unit)
        return overflow ? nil : product
    }

    /// The largest unit that divides the amount: `64 MiB`, `1000 B`.
    package static func sizeText(_ bytes: UInt64) -> String {
        let unit = sizes.first { bytes >= $0.value && bytes % $0.value == 0 } ?? ("B", 1)
        return "\(bytes / unit.value) \(unit.name)"
    }

    /// The largest unit that divides the amount: `90s`, `250ms`.
    package static func durationText(_ nanoseconds: UInt64) -> String {
        let unit = durations.first { nanoseconds >= $0.value && nanoseconds % $0.value == 0 } ?? ("ns", 1)
        return "\(nanoseconds / unit.value)\(unit.name)"
    }

    /// A limit's amount in its own unit; nil is `unlimited`.
    package static func text(_ value: UInt64?, of key: LimitKey) -> String {
        guard let value else { return "unlimited" }
        switch key {
        case .memory, .output, .stack, .mailboxBytes: return sizeText(value)
        case .cpu, .wall: return durationText(value)
        case .cpuShare: return "\(value)%"
        case .tables, .fds, .mailboxMessages: return String(value)
        }
    }
}
