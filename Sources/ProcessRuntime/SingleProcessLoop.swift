// Runs one process on the calling thread: the simplest scheduler there is.

package import CapabilityModel
import LinuxKernel

package enum SingleProcessLoop {
    /// Resumes the process until it finishes, sleeping in poll(2) while it waits. A process that can go on uses its
    /// thread at once; one that waits uses no CPU.
    package static func run(_ process: some Resumable) -> ExitReason {
        while true {
            switch process.resume(.fiber) {
            case .yielded:
                continue
            case .finished(let reason):
                return reason
            case .waiting(let wait):
                var entries = wait.descriptors.map { PollEntry(raw: $0.raw, events: $0.interest.pollEvents) }
                do {
                    _ = try Poll.wait(&entries, deadline: wait.deadline)
                } catch {
                    process.abandon()
                    return .cellFailed(message: "waiting failed: \(error)")
                }
            }
        }
    }
}

extension Interest {
    var pollEvents: PollEvents {
        var events: PollEvents = []
        if contains(.read) { events.insert(.read) }
        if contains(.write) { events.insert(.write) }
        return events
    }
}
