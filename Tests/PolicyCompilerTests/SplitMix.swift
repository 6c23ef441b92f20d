// Random numbers from a seed that is printed.

/// SplitMix64 (Steele, Lea and Flood, 2014): small, and the same on every machine.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func pick<Value>(_ values: [Value]) -> Value {
        values[Int.random(in: 0..<values.count, using: &self)]
    }

    /// Each value with the given chance.
    mutating func some<Value>(_ values: [Value], _ chance: Double = 0.3) -> [Value] {
        values.filter { _ in Double.random(in: 0..<1, using: &self) < chance }
    }
}

/// The seed of this run: BULKHEAD_FUZZ_SEED, or a new one.
func testSeed(_ name: String) -> UInt64 {
    let given = ProcessEnvironment.value("BULKHEAD_FUZZ_SEED").flatMap { UInt64($0) }
    let seed = given ?? UInt64.random(in: 0...UInt64.max)
    print("\(name): seed \(seed)")
    return seed
}
