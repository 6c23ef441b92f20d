// What an engine is made with; the compiler and the cell that loads its output must agree on the profile.

package import CapabilityModel

package struct EngineConfiguration: Hashable, Sendable {
    /// Baked into native code: code made for one profile does not load into an engine of the other.
    package var profile: ExecutionProfile
    /// Guest stack, in bytes; clamped to 64 KiB ... 64 MiB and rounded up to pages. Not baked into native code.
    package var stackBytes: Int
    /// Epoch ticks a process runs before it yields; at least 1. Unused in the heavy profile.
    package var sliceTicks: UInt64
    /// Whether one module is compiled on several threads.
    package var parallelCompilation: Bool

    package init(
        profile: ExecutionProfile, stackBytes: Int = 1 << 20, sliceTicks: UInt64 = 1, parallelCompilation: Bool = true
    ) {
        self.profile = profile
        self.stackBytes = min(max(stackBytes, 64 << 10), 64 << 20).roundedUp(toMultipleOf: HostPage.size)
        self.sliceTicks = max(sliceTicks, 1)
        self.parallelCompilation = parallelCompilation
    }

    /// Host functions run on the guest's fiber: this much is theirs below what the guest may use.
    static let hostStackReserve = 256 << 10

    /// Beyond a memory's size the engine leaves this much to the memory management unit, in bytes.
    static let denseGuardBytes = 64 << 10
    static let heavyReservationBytes = 4 << 30
    static let heavyGuardBytes = 32 << 20

    var fiberStackBytes: Int { stackBytes + Self.hostStackReserve }

    /// What a thread that calls guests directly needs of stack below the call, in bytes: as much as a fiber has.
    package var directStackBytes: Int { fiberStackBytes }
}

extension Int {
    /// `multiple` is a power of two.
    func roundedUp(toMultipleOf multiple: Int) -> Int {
        (self + multiple - 1) & ~(multiple - 1)
    }
}
