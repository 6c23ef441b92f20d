// Random calls with random arguments over a small memory: the host never traps, never writes outside, never leaves the mount.

import CapabilityModel
import Glibc
import ProcessRuntime
import Testing

@testable import WASIPreview1

/// SplitMix64: the same sequence for the same seed on every machine.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}

@Suite struct FuzzTests {
    private static let names = [
        "a", "b", "b/c", "file", "b/link", "..", ".", "/", "../a", "b/..", "b/../..", "loop", "fifo", "a/", "b//c/", "",
        "../../bulkhead-none", "/bulkhead-none/none", "x\0y", "grün", "way-out", "way-out/secret",
    ]

    /// Where the fuzzed paths and pieces lie; the rest is written by chance or not at all.
    /// - Returns: how long each path is.
    private static func prepare(_ guest: Guest, _ random: inout SeededGenerator) -> [UInt64] {
        var lengths: [UInt64] = []
        for index in 0..<8 {
            let name = names.randomElement(using: &random) ?? ""
            lengths.append(UInt64(name.utf8.count))
            guest.put(Array(name.utf8), at: 0x100 + index * 64)
            guest.put(
                UInt32(truncatingIfNeeded: random.next() % 3 == 0 ? random.next() : random.next() % 0x1000),
                at: 0x400 + index * 8)
            guest.put(
                UInt32(truncatingIfNeeded: random.next() % 5 == 0 ? random.next() : random.next() % 0x200),
                at: 0x404 + index * 8)
        }
        return lengths
    }

    /// Mostly what the function could mean: descriptors where it takes one, a path's own length after its pointer.
    private static func arguments(
        _ function: WASIFunction, _ lengths: [UInt64], _ random: inout SeededGenerator
    ) -> [UInt64] {
        var result: [UInt64] = []
        for type in function.parameters {
            if let last = result.last, (0x100..<0x300).contains(last), last % 64 == 0, random.next() % 4 != 0 {
                result.append(lengths[Int(last - 0x100) / 64])
            } else if result.isEmpty, function.name.hasPrefix("fd_") || function.name.hasPrefix("sock_"),
                random.next() % 5 != 0
            {
                result.append(3 + random.next() % 5)
            } else if result.isEmpty, function.name.hasPrefix("path_"), random.next() % 5 != 0 {
                result.append(function.name == "path_symlink" ? 0x100 : 3 + random.next() % 2)
            } else {
                result.append(argument(type, &random))
            }
        }
        return result
    }

    private static func argument(_ type: CoreType, _ random: inout SeededGenerator) -> UInt64 {
        switch random.next() % 12 {
        case 0: return type == .i32 ? random.next() & 0xffff_ffff : random.next()
        case 1: return [0, 1, 0xffff_ffff, 0x8000_0000, 0xfff, 0x1000, 0xffe].randomElement(using: &random) ?? 0
        case 2...4: return random.next() % 10
        case 5...7: return 0x100 + random.next() % 8 * 64
        case 8: return 0x400 + random.next() % 8 * 8
        case 9: return random.next() % 64
        case 10: return type == .i64 ? Guest.everything.rawValue : 0x800 + random.next() % 0x400
        default: return 0x800 + random.next() % 0x400
        }
    }

    /// `BULKHEAD_FUZZ_SEED` repeats a run, `BULKHEAD_FUZZ_FACTOR` lengthens it.
    private static func setting(_ name: String) -> UInt64? {
        Scratch.environment(name).flatMap { UInt64($0) }
    }

    @Test func randomCallsStayInBounds() throws {
        let seed = FuzzTests.setting("BULKHEAD_FUZZ_SEED") ?? UInt64.random(in: 0 ... .max)
        let calls = 20_000 * (FuzzTests.setting("BULKHEAD_FUZZ_FACTOR") ?? 1)
        // First, for a host that dies says nothing afterwards.
        print("wasi fuzz: seed \(seed)")
        var random = SeededGenerator(state: seed)
        var executions = 0
        var successes: [String: Int] = [:]
        var errnos: Set<Errno> = []
        var pairs: Set<String> = []
        while executions < calls {
            let scratch = try Scratch()
            scratch.write("secret", "secret")
            scratch.makeDirectory("mount")
            scratch.makeDirectory("mount/b")
            scratch.makeDirectory("read-only")
            scratch.write("mount/file", "content")
            scratch.write("read-only/file", "content")
            scratch.makeFIFO("mount/fifo")
            scratch.link("mount/loop", to: "loop")
            scratch.link("mount/way-out", to: "..")
            let guest = Guest(
                WASIProcess.Configuration(
                    arguments: ["fuzz"], environment: ["A=b"],
                    clocks: ClockGrant(realtime: 1, monotonic: 1, cpuTime: 1), random: true), memory: 0x1000)
            try guest.mount(scratch.path + "/mount", at: "/", quotaBytes: 1 << 20, quotaFiles: 100)
            try guest.mount(scratch.path + "/read-only", at: "/ro", rights: .readOnly)
            _ = guest.open("file")
            let pair = try Pair.sockets()
            _ = try guest.process.insertSocket(pair.first, call: "fuzz.insert")
            for _ in 0..<200 {
                guard let function = WASIFunctions.all.randomElement(using: &random) else { break }
                let lengths = FuzzTests.prepare(guest, &random)
                let arguments = FuzzTests.arguments(function, lengths, &random)
                executions += 1
                switch guest.callGuarded(function.name, arguments) {
                case .errno(let errno):
                    errnos.insert(errno)
                    pairs.insert("\(function.name) \(errno)")
                    if errno == .success { successes[function.name, default: 0] += 1 }
                case .wait(let wait):
                    #expect(wait.descriptors.count <= 64)
                case .exit, .trap: break
                }
            }
            close(pair.otherRaw)
            let secret = scratch.read("secret")
            let file = scratch.read("read-only/file")
            #expect(secret == "secret" && file == "content", "seed \(seed)")
            #expect(guest.process.openDescriptors <= 64, "seed \(seed)")
            #expect(scratch.names(".") == ["mount", "read-only", "secret"], "seed \(seed)")
            #expect(scratch.names("read-only") == ["file"], "seed \(seed)")
        }
        print(
            "wasi fuzz: \(executions) executions, \(successes.count) of \(WASIFunctions.all.count) functions succeeded, "
                + "\(errnos.count) errnos, \(pairs.count) pairs of function and errno")
        #expect(successes.count >= 30, "seed \(seed): the fuzzer reaches too little: \(successes)")
    }
}
