// The loop for one process: it resumes, waits for what it is told to wait for, and ends with the process's reason.

import CapabilityModel
import LinuxKernel
import ProcessRuntime
import Testing

private final class Script: Resumable {
    private var steps: [() -> Suspension]
    private(set) var isAbandoned = false

    init(_ steps: [() -> Suspension]) {
        self.steps = steps
    }

    func resume(_ mode: ResumeMode) -> Suspension { steps.removeFirst()() }
    var canRunDirectly: Bool { false }
    func didOverrun() {}
    func abandon() { isAbandoned = true }
}

@Suite struct SingleProcessLoopTests {
    @Test func endsWithTheProcessReason() {
        let script = Script([{ .yielded }, { .yielded }, { .finished(.exited(code: 7)) }])
        #expect(SingleProcessLoop.run(script) == .exited(code: 7))
    }

    @Test func waitsForADeadline() {
        let start = Clock.monotonicNow()
        let script = Script([
            { .waiting(Wait(descriptors: [], deadline: start + 20_000_000)) },
            { .finished(Clock.monotonicNow() >= start + 20_000_000 ? .normal : .exited(code: 1)) },
        ])
        #expect(SingleProcessLoop.run(script) == .normal)
    }

    @Test func waitsForADescriptorThatAnotherThreadMakesReady() throws {
        let pipe = try Pipe()
        let readEnd = pipe.readEnd.rawValue
        let writeEnd = pipe.writeEnd.rawValue
        let thread = try spawnThread(name: "writer") {
            var none: [PollEntry] = []
            _ = try? Poll.wait(&none, deadline: Clock.monotonicNow() + 10_000_000)
            _ = try? Descriptor.write(writeEnd, [1].span)
        }
        let script = Script([
            { .waiting(Wait(descriptors: [.init(raw: readEnd, interest: .read)], deadline: nil)) },
            {
                var entries = [PollEntry(raw: readEnd, events: .read)]
                let ready = (try? Poll.wait(&entries, deadline: 0)) ?? 0
                return .finished(ready == 1 ? .normal : .exited(code: 1))
            },
        ])
        #expect(SingleProcessLoop.run(script) == .normal)
        thread.join()
        withExtendedLifetime(pipe) {}
    }

    @Test func aHangUpCountsAsReady() throws {
        let pipe = try Pipe()
        let (readEnd, writeEnd) = pipe.release()
        _ = OwnedFileDescriptor(taking: writeEnd)
        let script = Script([
            { .waiting(Wait(descriptors: [.init(raw: readEnd, interest: .read)], deadline: nil)) },
            { .finished(.normal) },
        ])
        #expect(SingleProcessLoop.run(script) == .normal)
        _ = OwnedFileDescriptor(taking: readEnd)
    }
}
