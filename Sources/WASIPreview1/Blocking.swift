// Work that may wait for a disk or a network file system, done where it holds up nobody.

internal import LinuxKernel
internal import ProcessRuntime

extension WASIProcess {
    /// Whether a call may block the thread that it is made on.
    @inline(__always)
    var mayBlock: Bool { template.host.pool == nil || template.host.mayBlock() }

    /// Does `work`: at once where the call may block, else on a thread of the pool. Then the call is made again when it is
    /// done, comes here again, and gets the result; up to here it must do the same as the first time, and nothing twice.
    ///
    /// `work` touches neither guest memory nor this process, which may have ended: the files that it works on it holds
    /// itself.
    /// - Throws: what `work` throws; anything, with `isSuspended` set, where the call is to be made again.
    @inline(__always)
    func blocking<Value: Sendable>(
        _ work: @escaping @Sendable () throws(CallFailure) -> Value
    ) throws(CallFailure) -> Value {
        if job == nil, mayBlock, !hasQuota { return try work() }
        return try blockingHeld(work)
    }

    /// As `blocking`, where the call may not block its thread, or did not when it was first made, and with quotas.
    @inline(never)
    private func blockingHeld<Value: Sendable>(
        _ work: @escaping @Sendable () throws(CallFailure) -> Value
    ) throws(CallFailure) -> Value {
        if let job {
            if let job = job as? BlockingJob<Result<Value, CallFailure>> {
                guard let result = job.take() else { throw suspend() }
                self.job = nil
                return try result.get()
            }
            self.job = nil
        }
        let hasQuota = hasQuota
        guard let pool = template.host.pool, !template.host.mayBlock() else {
            return try hasQuota ? WASIProcess.oneAtATime(work) : work()
        }
        let (host, process) = (template.host, process)
        job = pool.submit(wake: { host.wake(process) }) {
            do throws(CallFailure) {
                return Result<Value, CallFailure>.success(try hasQuota ? WASIProcess.oneAtATime(work) : work())
            } catch {
                return .failure(error)
            }
        }
        throw suspend()
    }

    /// What changes a mount with a quota looks, acts and charges without another in between.
    static func oneAtATime<Value: Sendable>(_ work: () throws(CallFailure) -> Value) throws(CallFailure) -> Value {
        try Mount.quotaLock.withLock { (_) throws(CallFailure) in try work() }
    }

    /// The call is made again when somebody wakes the process.
    private func suspend() -> CallFailure {
        isSuspended = true
        return .errno(.again)
    }

    func takeSuspension() -> Wait? {
        guard isSuspended else { return nil }
        isSuspended = false
        return Wait()
    }
}
