// Looking at this process from outside: which addresses can be read, how many mappings there are.

import Glibc
import Synchronization

@testable import WasmEngine

/// Whether the kernel can read `[address, address + length)`, found without faulting (write(2) to a pipe gives EFAULT).
func readable(_ address: UInt, _ length: Int) -> Bool {
    var ends: [Int32] = [0, 0]
    // SAFETY: two descriptors are written to `ends`; the kernel checks the probed address itself.
    guard unsafe pipe(&ends) == 0 else { return false }
    defer {
        close(ends[0])
        close(ends[1])
    }
    for offset in stride(from: 0, to: length, by: 4096) {
        guard unsafe write(ends[1], UnsafeRawPointer(bitPattern: address + UInt(offset)), 1) == 1 else { return false }
        var byte: UInt8 = 0
        guard unsafe read(ends[0], &byte, 1) == 1 else { return false }
    }
    return true
}

/// The word at an aligned address in a slot that the caller holds.
func word(_ address: UInt) -> UInt64 {
    // SAFETY: as the caller says.
    unsafe UnsafePointer<UInt64>(bitPattern: address)?.pointee ?? .max
}

func setWord(_ address: UInt, _ value: UInt64) {
    // SAFETY: as for `word`.
    unsafe UnsafeMutablePointer<UInt64>(bitPattern: address)?.pointee = value
}

/// Lines of /proc/self/maps.
func mappingCount() -> Int {
    // SAFETY: a static path and mode; the stream is closed here; fgetc takes a live stream.
    guard let file = unsafe fopen("/proc/self/maps", "r") else { return -1 }
    defer { unsafe fclose(file) }
    var lines = 0
    while true {
        let character = unsafe fgetc(file)
        if character == EOF { return lines }
        if character == 10 { lines += 1 }
    }
}

/// One byte of the caller's memory; 0xffff when it is out of bounds.
func firstByte(_ call: borrowing HostCall, at offset: Int) -> UInt64 {
    // SAFETY: bounds are checked against the memory as it is during this call.
    guard let memory = unsafe call.memory, offset < memory.count else { return 0xffff }
    return unsafe UInt64(memory[offset])
}

struct ProbeError: Error {}

/// A fresh file with this content.
func temporaryFile(_ bytes: [UInt8]) throws -> String {
    var name = Array("/tmp/bulkhead-test-XXXXXX".utf8CString)
    // SAFETY: mkstemp writes within the template; the bytes live through write(2).
    let descriptor = unsafe mkstemp(&name)
    guard descriptor >= 0 else { throw ProbeError() }
    defer { close(descriptor) }
    guard unsafe bytes.withUnsafeBytes({ unsafe write(descriptor, $0.baseAddress, $0.count) }) == bytes.count else {
        throw ProbeError()
    }
    return String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

func removeFile(_ path: String) {
    unsafe unlink(path)
}

/// A thread that advances an engine's epoch until it is stopped.
final class Ticker: Sendable {
    private let engine: Engine
    private let isStopped = Atomic(false)
    private let thread = Mutex<pthread_t?>(nil)

    init?(_ engine: Engine) {
        self.engine = engine
        var identifier: pthread_t = 0
        // SAFETY: the thread takes over the reference and gives it back when it ends; `stop` joins it.
        let reference = unsafe Unmanaged.passRetained(self)
        let code = unsafe pthread_create(
            &identifier, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                let ticker = unsafe Unmanaged<Ticker>.fromOpaque(argument).takeRetainedValue()
                while !ticker.isStopped.load(ordering: .acquiring) {
                    ticker.engine.incrementEpoch()
                    sched_yield()
                }
                return nil
            }, reference.toOpaque())
        guard code == 0 else {
            unsafe reference.release()
            return nil
        }
        thread.withLock { $0 = identifier }
    }

    func stop() {
        isStopped.store(true, ordering: .releasing)
        // SAFETY: joined once: the identifier is taken away.
        let identifier = thread.withLock { $0.take() }
        if let identifier { pthread_join(identifier, nil) }
    }
}

func environment(_ name: String) -> String? {
    // SAFETY: nothing in the tests writes to the environment; the value is copied.
    unsafe getenv(name).map { unsafe String(cString: $0) }
}

/// How many rounds a random test makes: `count`, times BULKHEAD_FUZZ_FACTOR.
func fuzzCount(_ count: Int) -> Int {
    count * (environment("BULKHEAD_FUZZ_FACTOR").flatMap { Int($0) } ?? 1)
}

func readFile(_ path: String) throws -> [UInt8] {
    let descriptor = unsafe open(path, O_RDONLY)
    guard descriptor >= 0 else { throw ProbeError() }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 20)
    while true {
        // SAFETY: read(2) writes within the chunk.
        let count = unsafe chunk.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
        guard count >= 0 else { throw ProbeError() }
        if count == 0 { return bytes }
        bytes += chunk[..<count]
    }
}

/// A small generator whose state can be printed and given again.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = (state ^ (state >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}

extension Store {
    /// All of its first memory; empty when it has none.
    func copyMemory() -> [UInt8] {
        // SAFETY: a live store in which nothing runs; the record is current.
        guard let memory = unsafe state.pointee.firstMemory?.pointee.memory else { return [] }
        return unsafe Array(
            UnsafeRawBufferPointer(start: UnsafeRawPointer(bitPattern: memory.slot.base), count: memory.size))
    }
}

extension Store {
    /// Whether the first memory is `content`, by its present pages; all others are zero. The page of `place` may be anything.
    func holds(_ content: [UInt8], but place: Int?) -> Bool {
        // SAFETY: a live store in which nothing runs; pages are within the memory and the array.
        guard let memory = unsafe state.pointee.firstMemory?.pointee.memory, memory.size == content.count,
            let touched = PageMap.touchedPages(memory.slot.base, memory.size)
        else { return content.isEmpty }
        return unsafe content.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return false }
            var next = 0
            for page in 0..<bytes.count / HostPage.size {
                let wanted = unsafe base + page * HostPage.size
                if next < touched.count, touched[next] == page {
                    next += 1
                    if page == place.map({ $0 / HostPage.size }) { continue }
                    guard let found = unsafe InstanceImage.page(memory, UInt16(page)),
                        unsafe memcmp(found, wanted, HostPage.size) == 0
                    else { return false }
                } else {
                    let isZero =
                        unsafe wanted.load(as: UInt64.self) == 0 && memcmp(wanted, wanted + 8, HostPage.size - 8) == 0
                    guard isZero else { return false }
                }
            }
            return true
        }
    }
}

/// Runs `body` on `count` threads, by index, and adds up what it returns.
func runThreads(_ count: Int, stackBytes: Int = 8 << 20, _ body: @escaping @Sendable (Int) -> Int) -> Int {
    final class Job: Sendable {
        let index: Int
        let body: @Sendable (Int) -> Int
        let result = Atomic(0)

        init(_ index: Int, _ body: @escaping @Sendable (Int) -> Int) {
            self.index = index
            self.body = body
        }
    }
    let jobs = (0..<count).map { Job($0, body) }
    let threads = jobs.map { job in
        var identifier: pthread_t = 0
        var attributes = pthread_attr_t()
        // SAFETY: the thread takes over the reference; it is joined below.
        unsafe pthread_attr_init(&attributes)
        unsafe pthread_attr_setstacksize(&attributes, stackBytes)
        defer { unsafe pthread_attr_destroy(&attributes) }
        let code = unsafe pthread_create(
            &identifier, &attributes,
            { argument in
                guard let argument = unsafe argument else { return nil }
                let job = unsafe Unmanaged<Job>.fromOpaque(argument).takeRetainedValue()
                job.result.store(job.body(job.index), ordering: .releasing)
                return nil
            }, Unmanaged.passRetained(job).toOpaque())
        precondition(code == 0)
        return identifier
    }
    for thread in threads { pthread_join(thread, nil) }
    return jobs.reduce(0) { $0 + $1.result.load(ordering: .acquiring) }
}

func yieldThread() { sched_yield() }
