// clock_*: four clocks, each granted with the finest step that the guest may see.

internal import CapabilityModel
internal import LinuxKernel

extension WASIProcess {
    /// `clock_res_get`: the larger of the granted and the system's resolution, in nanoseconds.
    /// - Throws: `inval` for an unknown clock; `notcapable` and a denial for one that is not granted; `fault`.
    package func clockResGet(id: UInt32, resolution: UInt32, _ memory: GuestMemory) throws(CallFailure) {
        let area = try memory.area(at: resolution, count: 8)
        let clock = try grantedClock(id, "clock_res_get")
        memory.store(max(clock.step, clock.system.resolution, 1), in: area, at: 0)
    }

    /// `clock_time_get`: nanoseconds, rounded down to the granted step. `precision` is a hint that needs no heeding.
    /// - Throws: as `clockResGet`.
    package func clockTimeGet(
        id: UInt32, precision: UInt64, time: UInt32, _ memory: GuestMemory
    ) throws(CallFailure) {
        let area = try memory.area(at: time, count: 8)
        let clock = try grantedClock(id, "clock_time_get")
        memory.store(WASIProcess.rounded(clock.system.now, clock.step), in: area, at: 0)
    }

    /// CPU time is the OS process's for both CPU clocks: a guest may move between threads.
    func grantedClock(
        _ id: UInt32, _ call: StaticString
    ) throws(CallFailure) -> (system: SystemClock, step: UInt64) {
        guard let clock = ClockID(rawValue: id) else { throw .errno(.inval) }
        switch clock {
        case .realtime:
            if let step = template.clocks.realtime { return (.realtime, step) }
            throw deny(call, PolicyKey("clocks.realtime"), .notcapable, "id=realtime")
        case .monotonic:
            if let step = template.clocks.monotonic { return (.monotonic, step) }
            throw deny(call, PolicyKey("clocks.monotonic"), .notcapable, "id=monotonic")
        case .processCPUTime, .threadCPUTime:
            if let step = template.clocks.cpuTime { return (.processTime, step) }
            throw deny(call, PolicyKey("clocks.cpu"), .notcapable, "id=cpu")
        }
    }

    static func rounded(_ time: UInt64, _ step: UInt64) -> UInt64 {
        step > 1 ? time - time % step : time
    }
}
