// proc_*: the end of a process.

extension WASIProcess {
    /// `proc_exit`: does not return to the guest.
    package func procExit(code: UInt32) -> CallOutcome {
        .exit(code)
    }

    /// `proc_raise`: no process has signals; the function is there so that modules that import it link.
    /// - Throws: `nosys`.
    package func procRaise(signal: UInt32) throws(CallFailure) {
        throw .errno(.nosys)
    }
}
