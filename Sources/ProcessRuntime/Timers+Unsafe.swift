// The one deadline that a process may have, in the timer wheel.

extension RuntimeCore {
    /// - Returns: whether whoever sleeps until the next deadline must be woken.
    func arm(slot: UInt32, process: ProcessID, deadline: UInt64) -> Bool {
        // SAFETY: the slot is a process's, and the table outlives every thread that may call this.
        unsafe timers.arm(table.timer(slot), process: process, deadline: deadline)
    }

    /// Whether the wheel will look at the timer some time.
    @inline(__always)
    func isTimerStanding(slot: UInt32) -> Bool {
        // SAFETY: as above.
        unsafe table.timer(slot).pointee.isStanding
    }

    func cancelTimer(slot: UInt32) {
        // SAFETY: as above.
        unsafe TimerWheel.cancel(table.timer(slot))
    }
}
