internal import CapabilityModel
internal import Glibc
internal import LinuxKernel
internal import ProcessRuntime
internal import WASIPreview1
internal import WasmEngine

func note(_ s: String) { _ = s.withCString { write(2, $0, strlen($0)) } }
final class Sink: DenialSink {
    func denied(_ d: Denial) { note("DENIED \(d.call) \(d.arguments) \(d.key.path) \(d.errno ?? 999)\n") }
}
final class Context {
    let process: WASIProcess
    var wait: Wait?
    init(_ p: WASIProcess) { process = p }
}
var args = Array(CommandLine.arguments.dropFirst())
let wasm = args.removeFirst()
let root = args.removeFirst()
var env: [String] = []
while let f = args.first, f == "-e" { args.removeFirst(); env.append(args.removeFirst()) }
if wasm == "bench" {
    let p = WASIProcess(.init(arguments: ["x"], clocks: ClockGrant(realtime: 1, monotonic: 1, cpuTime: 1), random: true), denials: Sink())
    try p.addMount(MountGrant(guestPath: "/", hostPath: root, rights: .readWrite, symlinks: .create), directory: OwnedFileDescriptor(taking: open(root, O_DIRECTORY | O_CLOEXEC | 0o10000000)))
    let base = UnsafeMutableRawPointer.allocate(byteCount: 65536, alignment: 16)
    memset(base, 0, 65536)
    let m = GuestMemory(base: base, count: 65536)
    let fs = Dictionary(uniqueKeysWithValues: WASIFunctions.all.map { ($0.name, $0) })
    func go(_ label: String, _ name: String, _ n: Int, _ a: [UInt64], _ pre: () -> Void = {}) {
        let f = fs[name]!
        let slots = a + [0]
        slots.withUnsafeBytes { s in
            let raw = RawArguments(base: s.baseAddress!, stride: 8)
            var best = UInt64.max
            for _ in 0..<5 {
                pre()
                let t = SystemClock.monotonic.now
                for _ in 0..<n { guard f.call(p, m, raw) == .done(.success) else { note("fail \(label) \(f.call(p, m, raw))\n"); return } }
                best = min(best, SystemClock.monotonic.now - t)
            }
            note("\(label): \(best / UInt64(n)) ns\n")
        }
    }
    memcpy(base + 256, "f", 1)
    go("clock_time_get", "clock_time_get", 1_000_000, [1, 0, 0x80])
    go("fd_fdstat_get", "fd_fdstat_get", 1_000_000, [3, 0x80])
    let first: [UInt64] = [3, 0, 256, 1, 1, Rights.file.rawValue, 0, 0, 0x80]
    first.withUnsafeBytes { _ = fs["path_open"]!.call(p, m, RawArguments(base: $0.baseAddress!, stride: 8)) }
    (base + 512).storeBytes(of: 4096, as: UInt32.self); (base + 516).storeBytes(of: 4096, as: UInt32.self)
    func rewind() { lseek(4 + 0, 0, SEEK_SET) }
    go("fd_pwrite 4K", "fd_pwrite", 200_000, [4, 512, 1, 0, 0x80])
    go("fd_pread 4K", "fd_pread", 200_000, [4, 512, 1, 0, 0x80])
    go("fd_read at end", "fd_read", 200_000, [4, 512, 1, 0x80]) 
    let f = fs["path_open"]!, c = fs["fd_close"]!
    let oa: [UInt64] = [3, 0, 256, 1, 0, 2, 0, 0, 0x80], ca: [UInt64] = [5]
    oa.withUnsafeBytes { o in ca.withUnsafeBytes { cc in
        let t = SystemClock.monotonic.now
        for _ in 0..<100_000 { _ = f.call(p, m, RawArguments(base: o.baseAddress!, stride: 8)); guard c.call(p, m, RawArguments(base: cc.baseAddress!, stride: 8)) == .done(.success) else { note("bad\n"); break } }
        note("path_open+close: \((SystemClock.monotonic.now - t) / 100_000) ns\n")
        var st = stat()
        let d = open(root, O_DIRECTORY | 0o10000000)
        let t2 = SystemClock.monotonic.now
        for _ in 0..<100_000 { let x = openat(d, "f", O_RDONLY); fstat(x, &st); close(x) }
        note("bare openat+fstat+close: \((SystemClock.monotonic.now - t2) / 100_000) ns\n")
        let x = openat(d, "f", O_RDONLY)
        let t3 = SystemClock.monotonic.now
        for _ in 0..<200_000 { pread(x, base + 4096, 4096, 0) }
        note("bare pread 4K: \((SystemClock.monotonic.now - t3) / 200_000) ns\n")
    } }
    exit(0)
}
let fd0 = open(wasm, O_RDONLY)
var st = stat(); fstat(fd0, &st)
var bytes = [UInt8](repeating: 0, count: Int(st.st_size))
var off = 0
while off < bytes.count { off += bytes.withUnsafeMutableBytes { read(fd0, $0.baseAddress! + off, $0.count - off) } }
let engine = try Engine(EngineConfiguration(profile: .heavy))
let module = try Module(compiling: bytes, engine: engine)
let linker = Linker(engine: engine)
for f in WASIFunctions.all {
    let ps = f.parameters.map { $0 == .i32 ? ValueType.i32 : .i64 }
    let t = FunctionType(ps, f.results.map { _ in .i32 })
    let n = ps.count
    let body: HostBody = { context, call in
        let c = unsafeDowncast(context, to: Context.self)
        var slots = (0..<n).map { call.i64($0) } + [0]
        guard let m = call.memory, let b = m.baseAddress else { return .trap("no memory") }
        let oc = slots.withUnsafeMutableBytes { f.call(c.process, GuestMemory(base: b, count: m.count), RawArguments(base: UnsafeRawPointer($0.baseAddress!), stride: 8)) }
        switch oc {
        case .done(let e): call.setResult(i32: UInt32(e.rawValue)); return .done
        case .wait(let w): c.wait = w; return .wait
        case .exit(let code): return .exit(code)
        case .trap(let m): return .trap(m)
        }
    }
    if f.canWait { try linker.defineWaiting(ImportName(WASIFunctions.module, f.name), t, body: body) }
    else { try linker.define(ImportName(WASIFunctions.module, f.name), t, body: body) }
}
let process = WASIProcess(.init(arguments: [wasm] + args, environment: env, clocks: ClockGrant(realtime: 1, monotonic: 1, cpuTime: 1), random: true), denials: Sink())
for i in 0..<3 { try process.setStandardStream(i, OwnedFileDescriptor(taking: dup(Int32(i))), .init(isTerminal: false, isOwned: false)) }
if root != "-" {
    try process.addMount(MountGrant(guestPath: "/", hostPath: root, rights: .readWrite, symlinks: .create), directory: OwnedFileDescriptor(taking: open(root, O_DIRECTORY | O_CLOEXEC | 0o10000000)))
}
let context = Context(process)
var store = Store(try linker.link(module), limits: StoreLimits(memoryBytes: 1 << 32, tableElements: 1 << 20), context: context)
@MainActor func run() -> Int32 {
    while true {
        switch store.poll() {
        case .yielded: continue
        case .waiting:
            var polls = context.wait!.descriptors.map { pollfd(fd: $0.raw, events: Int16(($0.interest.contains(.read) ? POLLIN : 0) | ($0.interest.contains(.write) ? POLLOUT : 0)), revents: 0) }
            var timeout: Int32 = -1
            if let d = context.wait!.deadline { let now = SystemClock.monotonic.now; timeout = d > now ? Int32((d - now) / 1_000_000 + 1) : 0 }
            poll(&polls, nfds_t(polls.count), timeout)
        case .finished: return 0
        case .exited(let c): return Int32(bitPattern: c)
        case .trapped(let t): note("TRAP \(t.message)\n"); return 134
        case .failed(let m): note("FAILED \(m)\n"); return 135
        }
    }
}
var code = run()
if code == 0 { try store.call("_start"); code = run() }
exit(code)
