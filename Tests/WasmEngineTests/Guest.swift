// What the tests of the engine share: modules from text, a recording context, and a driver that polls to the end.

import CapabilityModel
import Testing

@testable import WasmEngine

/// What host functions of the tests write to and read from.
final class Recorder {
    var seen: [UInt64] = []
    /// How many more attempts of `test.wait` answer `.wait`.
    var waitsLeft = 0
    var attempts = 0
}

/// Pays for memory until it is empty.
final class Purse: MemoryCharge {
    var left: UInt64

    init(bytes: UInt64) { left = bytes }

    func charge(_ bytes: UInt64) -> Bool {
        guard bytes <= left else { return false }
        left -= bytes
        return true
    }

    func refund(_ bytes: UInt64) { left += bytes }
}

enum Guest {
    static let generous = StoreLimits(memoryBytes: 1 << 32, tableElements: 1 << 20)

    static func engine(_ profile: ExecutionProfile = .dense, stackBytes: Int = 1 << 20) throws -> Engine {
        try Engine(EngineConfiguration(profile: profile, stackBytes: stackBytes))
    }

    static func module(_ text: String, engine: Engine) throws -> Module {
        try Module(compiling: Module.binary(fromText: Array(text.utf8)), engine: engine)
    }

    /// `test.record(i64)`, `test.trap()`, `test.exit(i32)`, `test.add(i32, i32) -> i32` answer at once;
    /// `test.wait(i32) -> i32` waits `waitsLeft` times and doubles its argument.
    static func linker(_ engine: Engine) throws -> Linker {
        let linker = Linker(engine: engine)
        try linker.define(ImportName("test", "record"), FunctionType([.i64])) { context, call in
            (context as? Recorder)?.seen.append(call.i64(0))
            return .done
        }
        try linker.define(ImportName("test", "trap"), FunctionType([])) { _, _ in .trap("no such luck") }
        try linker.define(ImportName("test", "exit"), FunctionType([.i32])) { _, call in .exit(call.i32(0)) }
        try linker.define(ImportName("test", "add"), FunctionType([.i32, .i32], [.i32])) { _, call in
            call.setResult(i32: call.i32(0) &+ call.i32(1))
            return .done
        }
        try linker.defineWaiting(ImportName("test", "wait"), FunctionType([.i32], [.i32])) { context, call in
            guard let recorder = context as? Recorder else { return .trap("wrong context") }
            recorder.attempts += 1
            guard recorder.waitsLeft == 0 else {
                recorder.waitsLeft -= 1
                return .wait
            }
            call.setResult(i32: call.i32(0) &* 2)
            return .done
        }
        return linker
    }

    static func process(
        _ text: String, engine: Engine? = nil, profile: ExecutionProfile = .dense, limits: StoreLimits = generous,
        context: AnyObject = Recorder(), charge: (any MemoryCharge)? = nil
    ) throws -> Process {
        let engine = try engine ?? self.engine(profile)
        return try Process(
            linker(engine).link(module(text, engine: engine)), limits: limits, context: context,
            charge: charge)
    }

    /// Instantiates `text` and calls `export`; polls through every yield and wait.
    static func run(
        _ text: String, _ export: String = "run", _ arguments: [WasmValue] = [], engine: Engine? = nil,
        profile: ExecutionProfile = .dense, limits: StoreLimits = generous, context: AnyObject = Recorder()
    ) throws -> CallProgress {
        let process = try process(text, engine: engine, profile: profile, limits: limits, context: context)
        let started = process.finish()
        guard started == .finished([]) else { return started }
        try process.call(export, arguments)
        return process.finish()
    }
}

/// A store that can be copied about, as expectations want, and given away once.
final class Process {
    private var store: Store?

    init(
        _ linked: LinkedModule, limits: StoreLimits = Guest.generous, context: AnyObject = Recorder(),
        charge: (any MemoryCharge)? = nil
    ) {
        store = Store(linked, limits: limits, context: context, charge: charge)
    }

    init(adopting store: consuming Store) {
        self.store = consume store
    }

    var isBusy: Bool { store?.isBusy ?? false }
    var memoryBytes: UInt64 { store?.memoryBytes ?? 0 }
    var memoryDenial: GrowthDenial? { store?.memoryDenial }

    func call(_ name: String, _ arguments: [WasmValue] = []) throws(EngineError) {
        try store?.call(name, arguments)
    }

    func call(_ export: PreparedExport, _ arguments: [WasmValue] = []) throws(EngineError) {
        try store?.call(export, arguments)
    }

    func prepare(_ name: String) throws(EngineError) -> PreparedExport {
        guard let export = try store?.prepare(name) else { throw .notReady }
        return export
    }

    func callDirect(_ export: PreparedExport, _ argument: UInt32 = 0) throws(EngineError) -> DirectProgress {
        guard let progress = try store?.callDirect(export, argument) else { throw .notReady }
        return progress
    }

    func poll() -> CallProgress { store?.poll() ?? .failed("given away") }

    func finish() -> CallProgress {
        while true {
            switch poll() {
            case .yielded, .waiting: continue
            case let ended: return ended
            }
        }
    }

    /// All of its memory; empty when it has none.
    func copyMemory() -> [UInt8] { store?.copyMemory() ?? [] }

    /// Whether its memory is `content`, but for the page of `place`, without making pages present.
    func holds(_ content: [UInt8], but place: Int? = nil) -> Bool { store?.holds(content, but: place) ?? false }

    func shrink() -> Int { store?.shrink() ?? 0 }

    func park() -> ParkedInstance? { store?.park() }

    /// What is given away; once.
    func release() throws -> Store {
        guard let given = store.take() else { throw EngineError.notReady }
        return given
    }
}
