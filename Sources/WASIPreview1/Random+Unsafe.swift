// random_get: bytes from the kernel's generator.

internal import CapabilityModel
internal import LinuxKernel
internal import ProcessRuntime

extension WASIProcess {
    /// How much is filled before the thread is handed back.
    private static let randomSlice = 1 << 20

    /// `random_get`: fills `count` bytes, all of them, a mebibyte at a time with a wait of no time in between, so that
    /// a gibibyte holds up nobody.
    /// - Throws: `fault`, before anything is written; `notcapable` and a denial when not granted.
    package func randomGet(
        buffer: UInt32, count: UInt32, _ memory: GuestMemory
    ) throws(CallFailure) -> CallOutcome {
        let area = try memory.area(at: buffer, count: count)
        guard template.mayUseRandom else {
            throw deny("random_get", PolicyKey("random"), .notcapable, "length=\(count)")
        }
        var filled = 0
        if case .random(let before) = pending { filled = min(before, area.count) }
        pending = .none
        var left = min(WASIProcess.randomSlice, area.count - filled)
        while left > 0 {
            let limit = left
            let done = try unsafe memory.withBytes(of: area, from: filled, limit: limit) {
                (bytes) throws(CallFailure) in
                // SAFETY: `bytes` is the part of the guest's memory that it asked to be filled.
                try unsafe kernel(try FileDescriptorCalls.random(into: bytes))
            }
            filled += done
            left -= done
        }
        if filled == area.count { return .done(.success) }
        pending = .random(filled: filled)
        return .wait(.atOnce)
    }
}
