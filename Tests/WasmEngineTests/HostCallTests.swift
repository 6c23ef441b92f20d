// Host functions: arguments, results, memory, waiting, ending, and being killed while they wait.

import CapabilityModel
import Testing

@testable import WasmEngine

struct HostCallTests {
    static let waiting = """
        (module (import "test" "wait" (func $wait (param i32) (result i32)))
          (func $inner (param i32) (result i32) (call $wait (local.get 0)))
          (func (export "run") (param i32) (result i32) (i32.add (call $inner (local.get 0)) (i32.const 1))))
        """

    @Test func aWaitingCallIsTriedAgainAtEachPoll() throws {
        let recorder = Recorder()
        recorder.waitsLeft = 3
        let process = try Guest.process(Self.waiting, context: recorder)
        #expect(process.finish() == .finished([]))
        try process.call("run", [.i32(20)])
        for attempt in 1...3 {
            #expect(process.poll() == .waiting)
            #expect(recorder.attempts == attempt)
            #expect(process.isBusy)
        }
        #expect(process.poll() == .finished([.i32(41)]))
        #expect(recorder.attempts == 4)
        #expect(!process.isBusy)
    }

    @Test func aWaitingCallThatIsReadyDoesNotSuspend() throws {
        let recorder = Recorder()
        let process = try Guest.process(Self.waiting, context: recorder)
        #expect(process.poll() == .finished([]))
        try process.call("run", [.i32(20)])
        #expect(process.poll() == .finished([.i32(41)]))
        #expect(recorder.attempts == 1)
    }

    @Test func aProcessIsKilledWhileItWaits() throws {
        let recorder = Recorder()
        recorder.waitsLeft = .max
        for _ in 0..<50 {
            let process = try Guest.process(Self.waiting, context: recorder)
            #expect(process.poll() == .finished([]))
            try process.call("run", [.i32(20)])
            #expect(process.poll() == .waiting)
        }
        #expect(recorder.attempts == 50)
    }

    @Test func manyStoresOfOneLinkerWaitIndependently() throws {
        let engine = try Guest.engine()
        let linked = try Guest.linker(engine).link(Guest.module(Self.waiting, engine: engine))
        let recorders = (0..<20).map { index in
            let recorder = Recorder()
            recorder.waitsLeft = index
            return recorder
        }
        var order: [Int] = []
        let processes = recorders.map { Process(linked, context: $0) }
        for process in processes {
            #expect(process.poll() == .finished([]))
            try process.call("run", [.i32(1)])
        }
        for _ in 0..<20 {
            for (index, process) in processes.enumerated() where process.isBusy {
                if process.poll() == .finished([.i32(3)]) { order.append(index) }
            }
        }
        #expect(order == Array(0..<20))
    }

    @Test func endingInsideAWaitingFunctionUnwinds() throws {
        let engine = try Guest.engine()
        let linker = Linker(engine: engine)
        try linker.defineWaiting(ImportName("test", "end"), FunctionType([.i32])) { context, call in
            guard let recorder = context as? Recorder, recorder.waitsLeft == 0 else {
                (context as? Recorder)?.waitsLeft -= 1
                return .wait
            }
            return call.i32(0) == 0 ? .trap("ended") : .exit(call.i32(0))
        }
        let text = """
            (module (import "test" "end" (func $end (param i32)))
              (func (export "run") (param i32) (call $end (local.get 0))))
            """
        let linked = try linker.link(Guest.module(text, engine: engine))
        for code in [UInt32(0), 7] {
            let recorder = Recorder()
            recorder.waitsLeft = 2
            let process = Process(linked, context: recorder)
            #expect(process.finish() == .finished([]))
            try process.call("run", [.i32(code)])
            #expect(process.poll() == .waiting)
            #expect(process.poll() == .waiting)
            switch process.poll() {
            case .exited(let status): #expect(status == 7 && code == 7)
            case .trapped(let trap): #expect(trap.message == "ended" && trap.kind == .host && code == 0)
            case let other: Issue.record("\(other)")
            }
            #expect(throws: EngineError.notReady) { try process.call("run", [.i32(1)]) }
        }
    }

    @Test func aFunctionThatMustNotWaitAndDoesTraps() throws {
        let engine = try Guest.engine()
        let linker = Linker(engine: engine)
        try linker.define(ImportName("test", "bad"), FunctionType([])) { _, _ in .wait }
        let text = "(module (import \"test\" \"bad\" (func $bad)) (func (export \"run\") (call $bad)))"
        let process = try Process(linker.link(Guest.module(text, engine: engine)), context: Recorder())
        #expect(process.finish() == .finished([]))
        try process.call("run")
        guard case .trapped(let trap) = process.finish() else {
            Issue.record("no trap")
            return
        }
        #expect(trap.kind == .host)
    }

    static let scalars: [(ValueType, WasmValue)] = [
        (.i32, .i32(0x8000_0001)), (.i64, .i64(0x8000_0000_0000_0001)), (.f32, .f32(-1.5)), (.f64, .f64(.pi)),
    ]

    @Test(arguments: scalars.indices, [true, false])
    func scalarsPassThroughUnchanged(index: Int, waits: Bool) throws {
        let (type, value) = Self.scalars[index]
        let engine = try Guest.engine()
        let linker = Linker(engine: engine)
        let body: HostBody = { _, call in
            switch call.i32(1) {
            case 0: call.setResult(i32: call.i32(0))
            case 1: call.setResult(i64: call.i64(0))
            case 2: call.setResult(f32: call.f32(0))
            default: call.setResult(f64: call.f64(0))
            }
            return .done
        }
        let name = ImportName("test", "echo")
        let signature = FunctionType([type, .i32], [type])
        if waits {
            try linker.defineWaiting(name, signature, body: body)
        } else {
            try linker.define(name, signature, body: body)
        }
        let text = """
            (module (import "test" "echo" (func $echo (param \(type) i32) (result \(type))))
              (func (export "run") (param \(type)) (result \(type)) (call $echo (local.get 0) (i32.const \(index)))))
            """
        let process = try Process(linker.link(Guest.module(text, engine: engine)), context: Recorder())
        #expect(process.finish() == .finished([]))
        try process.call("run", [value])
        #expect(process.finish() == .finished([value]))
    }

    @Test func theStartFunctionRunsWhileInstantiatingAndSeesMemory() throws {
        let engine = try Guest.engine()
        let linker = Linker(engine: engine)
        try linker.define(ImportName("test", "look"), FunctionType([.i32])) { context, call in
            (context as? Recorder)?.seen.append(firstByte(call, at: Int(call.i32(0))))
            return .done
        }
        let text = """
            (module (import "test" "look" (func $look (param i32)))
              (memory (export "memory") 1) (data (i32.const 7) "\\2a")
              (func $start (call $look (i32.const 7))) (start $start)
              (func (export "run") (drop (memory.grow (i32.const 10))) (i32.store8 (i32.const 600000) (i32.const 43))
                (call $look (i32.const 600000))))
            """
        let recorder = Recorder()
        let process = try Process(linker.link(Guest.module(text, engine: engine)), context: recorder)
        #expect(process.finish() == .finished([]))
        #expect(recorder.seen == [42])
        try process.call("run")
        #expect(process.finish() == .finished([]))
        #expect(recorder.seen == [42, 43])
    }

    @Test func theExportedMemoryIsFoundAmongSeveral() throws {
        let engine = try Guest.engine()
        let linker = Linker(engine: engine)
        try linker.define(ImportName("test", "look"), FunctionType([.i32])) { context, call in
            (context as? Recorder)?.seen.append(firstByte(call, at: Int(call.i32(0))))
            return .done
        }
        for index in 0..<4 {
            let memories = (0..<4).map { $0 == index ? "(memory (export \"memory\") 1)" : "(memory 1)" }.joined()
            let text = """
                (module (import "test" "look" (func $look (param i32))) \(memories)
                  (func (export "run")
                    (drop (memory.grow \(index) (i32.const 3))) (drop (memory.grow 3 (i32.const 2)))
                    (i32.store8 \(index) (i32.const 200000) (i32.const 9)) (call $look (i32.const 200000))))
                """
            let recorder = Recorder()
            let process = try Process(linker.link(Guest.module(text, engine: engine)), context: recorder)
            #expect(process.finish() == .finished([]))
            try process.call("run")
            #expect(process.finish() == .finished([]))
            #expect(recorder.seen == [9])
        }
    }

    @Test func aTrapInTheStartFunctionEndsTheInstantiation() throws {
        let process = try Guest.process("(module (func $s unreachable) (start $s) (func (export \"run\")))")
        guard case .trapped(let trap) = process.finish() else {
            Issue.record("no trap")
            return
        }
        #expect(trap.kind == .unreachable)
        #expect(throws: EngineError.notReady) { try process.call("run") }
    }

    @Test func theContextLivesAsLongAsTheStore() throws {
        weak var seen: Recorder?
        do {
            let recorder = Recorder()
            seen = recorder
            let process = try Guest.process("(module (func (export \"run\")))", context: recorder)
            #expect(process.finish() == .finished([]))
            #expect(seen != nil)
        }
        #expect(seen == nil)
    }
}
