// One run of bulkhead-compiler: bytes in, native code out, and nothing that it does can outlast or outgrow its limits.

internal import CapabilityModel
internal import CellProtocol
internal import Glibc
internal import LinuxKernel

/// Bounds of one compilation. The defaults compile the largest modules that are about (70 MB of Wasm) with room to spare.
package struct CompileLimits: Sendable {
    /// RLIMIT_DATA, in bytes: private writable memory; address space as such is free.
    package var memory: UInt64 = 6 << 30
    /// CPU seconds of all threads together.
    package var cpuSeconds: UInt64 = 600
    /// Wall time, in nanoseconds.
    package var wall: UInt64 = 300_000_000_000
    /// Native code, in bytes.
    package var output: UInt64 = 2 << 30
    /// The encoded result, in bytes.
    package var result = 16 << 20

    package init() {}
}

/// What the compiler made, in a sealed memory file.
struct CompiledCode: ~Copyable {
    let code: OwnedFileDescriptor
    let summary: ModuleSummary
}

struct CompilerProcess {
    let path: String
    let limits: CompileLimits
    /// Called about ten times a second once half a second has gone by, with the seconds so far.
    let progress: ((Double) -> Void)?

    /// Compiles the module in `module`, a sealed memory file, and returns its native code in another.
    func compile(
        module: borrowing OwnedFileDescriptor, profile: ExecutionProfile?
    ) throws(ModuleCacheError) -> CompiledCode {
        let code = try system { () throws(SystemError) in
            try OwnedFileDescriptor(memoryNamed: "bulkhead-module", sealable: true)
        }
        let pipe = try system { () throws(SystemError) in try Pipe() }
        var request = SpawnRequest(
            executable: path, arguments: ["bulkhead-compiler", "--profile", profile?.rawValue ?? "auto"])
        request.descriptors = [
            .init(module.rawValue, as: 0), .init(code.rawValue, as: 3), .init(pipe.writeEnd.rawValue, as: 4),
        ]
        request.environment = [SpawnRequest.noBacktrace]
        request.limits = [
            ("data", limits.memory), ("cpu", limits.cpuSeconds), ("fsize", limits.output), ("core", 0), ("nofile", 64),
        ]
        request.oomScoreAdjustment = 500
        let child: PidFD
        do throws(SystemError) {
            child = try Spawn.start(request)
        } catch {
            throw .compilerMissing(path: path, error)
        }
        let output = pipe.closeWriteEnd()
        let ending: Ending
        do throws(SystemError) {
            ending = try watch(child, output)
        } catch {
            try? child.send(signal: SIGKILL)
            _ = try? child.wait()
            throw .system(error)
        }
        let summary = try judge(ending)
        // A process that the compiler left behind may hold the file still; a sealed one cannot be changed by it.
        try system { () throws(SystemError) in try code.seal() }
        return CompiledCode(code: code, summary: summary)
    }

    private struct Ending {
        var exit: ProcessExit
        var result: [UInt8]
        var excess: (what: String, limit: String)?
        var usedNanoseconds: UInt64
    }

    /// Reads the result and waits for the end; kills the compiler when its time is up or it says too much.
    private func watch(
        _ child: borrowing PidFD, _ output: borrowing OwnedFileDescriptor
    ) throws(SystemError) -> Ending {
        let start = Clock.monotonicNow()
        var next = start + 500_000_000
        var result: [UInt8] = []
        var excess: (what: String, limit: String)?
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        var isOpen = true
        while true {
            let now = Clock.monotonicNow()
            if excess == nil, now - start >= limits.wall {
                excess = ("time", "\(limits.wall / 1_000_000_000) s")
                try child.send(signal: SIGKILL)
            }
            if let progress, now >= next {
                progress(Double(now - start) / 1e9)
                next = now + 100_000_000
            }
            var entries = [
                PollEntry(raw: child.descriptor.rawValue, events: .read),
                // Not once it said too much: whoever it left behind could go on for ever.
                PollEntry(raw: isOpen && excess == nil ? output.rawValue : -1, events: .read),
            ]
            _ = try Poll.wait(&entries, deadline: min(next, start + limits.wall))
            if !entries[1].ready.isEmpty {
                var span = chunk.mutableSpan
                let count = try output.read(into: &span)
                isOpen = count > 0
                if result.count + count <= limits.result {
                    result.append(contentsOf: chunk[..<count])
                } else if excess == nil {
                    excess = ("result's size", "\(limits.result >> 20) MiB")
                    try child.send(signal: SIGKILL)
                }
                continue
            }
            if let ended = try child.poll() {
                // Whoever the compiler left behind with the pipe is not waited for: what came by now is the result.
                return Ending(
                    exit: ended.exit, result: result, excess: excess,
                    usedNanoseconds: ended.usage.userTime + ended.usage.systemTime)
            }
        }
    }

    private func judge(_ ending: Ending) throws(ModuleCacheError) -> ModuleSummary {
        if let excess = ending.excess { throw .compilerExceeded(what: excess.what, limit: excess.limit) }
        switch ending.exit {
        case .signaled(let signal, _):
            // Soft and hard limit are one, so the kernel kills outright. It limits by ticks and reports by run time, which
            // on a busy machine is a good deal less.
            if signal == SIGXCPU || (signal == SIGKILL && ending.usedNanoseconds / 500_000_000 >= limits.cpuSeconds) {
                throw .compilerExceeded(what: "CPU time", limit: "\(limits.cpuSeconds) s")
            }
            if signal == SIGXFSZ { throw .compilerExceeded(what: "output", limit: "\(limits.output >> 20) MiB") }
            let hint = signal == SIGABRT ? "it may have met its memory limit of \(limits.memory >> 20) MiB" : ""
            throw .compilerEnded(signal: signal, hint: hint)
        case .exited(let status):
            guard status == 0 else { throw .compilerMisbehaved("exit status \(status)") }
        }
        switch try? CompileResult(decoding: ending.result) {
        case .success(let summary): return summary
        case .failure(let message): throw .invalidModule(message)
        case nil: throw .compilerMisbehaved("its answer makes no sense")
        }
    }
}

func system<Value: ~Copyable>(_ body: () throws(SystemError) -> Value) throws(ModuleCacheError) -> Value {
    do throws(SystemError) {
        return try body()
    } catch {
        throw .system(error)
    }
}
