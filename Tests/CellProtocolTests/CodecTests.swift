// The encoding: what goes in comes out, and nothing that a hostile cell writes can trap the reader.

import CapabilityModel
import CellProtocol
import LinuxKernel
import Testing

@Suite struct CodecTests {
    static let messages: [CellMessage] = [
        .dropped(7), .results(["1", "-2.5"]),
        .denied(
            Denial(
                call: "wasi_snapshot_preview1.path_open", arguments: "path=\"/etc\\x1b\"", layer: .wasi,
                key: PolicyKey("fs"), errno: 76, count: 3, process: 1 << 40)),
        .exited(.normal), .exited(.exited(code: 3)), .exited(.limit(.memory, used: 9, allowed: 8)),
        .exited(.refused(message: "no import")), .exited(.killedBySignal(9)), .exited(.cellFailed(message: "?")),
        .exited(.shutdown), .exited(.kill), .exited(.killed), .exited(.noproc), .exited(.noconnection),
        .exited(.shutdownWith([])), .exited(.shutdownWith(Array(repeating: 1, count: ExitReason.bytesLimit))),
        .exited(.bytes([])), .exited(.bytes([UInt8](repeating: 0xff, count: ExitReason.bytesLimit))),
        .exited(
            .trap(
                kind: "unreachable", message: "m",
                backtrace: [
                    WasmFrame(function: "main", functionIndex: 4, functionOffset: 10, moduleOffset: 99),
                    WasmFrame(function: nil, functionIndex: 0, functionOffset: 0, moduleOffset: 0),
                ])),
    ]

    static let operations: [BrokerRequest.Operation] = [
        .connect(.tcp, host: "db.example", port: 5432), .connect(.udp, host: "::1", port: 53),
        .unixConnect(path: "/run/a.sock"), .tcpListen(host: "127.0.0.1", port: 0, backlog: 128),
        .udpBind(host: "0.0.0.0", port: 9), .unixListen(path: "/run/b.sock", backlog: 1),
        .udpSend(socket: 3, host: "10.0.0.1", port: 514, data: [0, 255]), .resolve(name: "example.com"),
    ]
    static let requests: [CellMessage] =
        operations.map { .request(BrokerRequest(id: 9, process: 7, policies: [0, 2], operation: $0)) }
        + [.released(socket: 3), .processExited(process: 3, .limit(.cpu, used: 2, allowed: 1))]

    static let reports: [CellMessage] = [
        .started(1, process: 1 << 40, info: [0, 255]), .startIgnored(.max), .startFailed(2, .bytes([1])),
        .ended(3, .shutdown), .probed(4),
        .inspected(
            5,
            ProcessReport(
                process: 9, limits: .default, used: [.init(.memory, 65536), .init(.cpu, 1)], mailbox: 3,
                descendants: 2, names: ["web", "é"])),
    ]

    static let order = ChildOrder(
        number: 7, label: "shop/web", module: "web", arguments: [Array("web".utf8), [0xff]],
        environment: [Array("A=b".utf8)], acknowledges: true, registeredName: "web", listeners: 2,
        limits: [.init(.memory, 1 << 20), .init(.output, 10)])

    @Test(arguments: messages + requests + reports) func messageSurvivesTheTrip(_ message: CellMessage) throws {
        #expect(try CellMessage(decoding: message.encoded()) == message)
    }

    static let plan = CellPlan(
        arguments: [Array("a".utf8), [0xff, 0xfe]], environment: [Array("A=b".utf8)],
        entry: .invoke(name: "add", arguments: ["1", "2"]), profile: .heavy, onDenied: .trap,
        capabilities: CapabilitySet(
            mounts: [
                MountGrant(
                    guestPath: "/data", hostPath: "/srv/data", rights: .readOnly, symlinks: .refuse, quotaBytes: 5)
            ], clocks: ClockGrant(realtime: 1, monotonic: nil, cpuTime: 1000), random: true),
        streams: [.plain, .closed, .terminal],
        resourceLimits: [ResourceLimitRule(name: "nofile", value: 64, reason: "few")],
        landlock: [LandlockRule(hostPath: "/srv/data", access: ["read_file"])],
        syscallFilter: [6, 0, 0, 0, 0, 0, 0, 0], listeners: 2, modules: ["worker", "logger"],
        policies: [.init(name: "no-fs", capabilities: CapabilitySet(random: true), onDenied: .refuse)],
        places: [.init(guestPath: "/data/in", hostPath: "/srv/data/in")], workers: 2, parkAfter: 60_000_000_000,
        controlSocket: 352)

    @Test func planSurvivesTheTrip() throws {
        #expect(try CellPlan(decoding: Self.plan.encoded()) == Self.plan)
        #expect(Self.plan.descriptorCount == 1 + 2 + 1 + 2 + 2 + 1)
    }

    @Test(arguments: [
        SupervisorMessage.run, .answered(BrokerAnswer(id: 1, errno: 76)),
        .answered(BrokerAnswer(id: .max, errno: 0, socket: 4, addresses: ["10.0.0.1", "::1"])),
        .start(order), .start(ChildOrder(number: 1, label: "a", module: "b")), .signal(7, .shutdown, kill: false),
        .signal(7, .kill, kill: true), .probe(7, id: 1, payload: [1, 2]), .inspect(7, id: 2), .close,
    ]) func answerSurvivesTheTrip(_ message: SupervisorMessage) throws {
        #expect(try SupervisorMessage(decoding: message.encoded()) == message)
    }

    @Test func hostedPlanSurvivesTheTrip() throws {
        var plan = Self.plan
        plan.entry = .hosted
        plan.streams = [.plain, .captured, .captured]
        plan.listeners = 0
        #expect(try CellPlan(decoding: plan.encoded()) == plan)
        // No first module; one socket for both outputs.
        #expect(plan.descriptorCount == 0 + 1 + 1 + 1 + 0 + 2 + 1)
        for entry in [CellPlan.Entry.start, .invoke(name: "a", arguments: [])] {
            plan.entry = entry
            #expect(throws: WireError.invalid("standard streams")) { try CellPlan(decoding: plan.encoded()) }
        }
    }

    @Test(arguments: [
        ChildOrder(number: 0, label: "a", module: "b"), ChildOrder(number: 1, label: "", module: "b"),
        ChildOrder(number: 1, label: "a", module: String(repeating: "m", count: 256)),
        ChildOrder(number: 1, label: "a", module: "b", registeredName: ""),
        ChildOrder(number: 1, label: "a", module: "b", registeredName: "x\0"),
        ChildOrder(number: 1, label: "a", module: "b", listeners: 17),
        ChildOrder(number: 1, label: "a", module: "b", arguments: [[UInt8](repeating: 1, count: 49_153)]),
        ChildOrder(number: 1, label: "a", module: "b", environment: [[0x41, 0]]),
        ChildOrder(number: 1, label: "a", module: "b", arguments: [[UInt8]](repeating: [], count: 1025)),
        ChildOrder(number: 1, label: "a", module: "b", limits: [.init(.stack, 1)]),
    ]) func faultyOrderIsTakenByNeitherSide(_ order: ChildOrder) throws {
        #expect(order.fault != nil)
        #expect(throws: WireError.invalid("order")) {
            try SupervisorMessage(decoding: SupervisorMessage.start(order).encoded())
        }
    }

    @Test func theLargestOrderFitsAMessage() throws {
        let list = [[UInt8]](repeating: [1], count: 1024)
        var order = ChildOrder(
            number: 1, label: String(repeating: "l", count: 255), module: String(repeating: "m", count: 255),
            arguments: [[UInt8](repeating: 1, count: (48 << 10) - 2047)] + list.dropFirst(), environment: list,
            registeredName: String(repeating: "n", count: 255), listeners: 16)
        order.limits = LimitKind.allCases.filter { $0 != .stack }.map { .init($0, 1) }
        #expect(order.fault == nil)
        #expect(SupervisorMessage.start(order).encoded().count < controlMessageLimit)
    }

    @Test func frameOfOutput() throws {
        let frame = OutputFrame(order: 7, process: 1 << 40, stream: 2, length: 3)
        let packet = frame.header + [1, 2, 3]
        #expect(frame.header.count == OutputFrame.headerSize)
        #expect(try OutputFrame(packet: packet[...]) == frame)
        for count in 0..<packet.count {
            #expect(throws: WireError.self) { try OutputFrame(packet: packet[..<count]) }
        }
        #expect(throws: WireError.self) { try OutputFrame(packet: (packet + [4])[...]) }
        for (place, value) in [(0, UInt8(0)), (16, 0), (16, 3), (17, 1), (19, 1), (21, 0x20), (23, 0xff)] {
            var wrong = packet
            wrong[place] = value
            #expect(throws: WireError.self) { try OutputFrame(packet: wrong[...]) }
        }
    }

    @Test func compileResultSurvivesTheTrip() throws {
        let summary = ModuleSummary(
            imports: [.init(name: ImportName("a", "b"), type: "func () -> ()")],
            exports: [.init(name: "memory", type: "memory")], memoryMinimum: 65536, memoryMaximum: nil,
            profile: .dense)
        for result in [CompileResult.success(summary), .failure("bad magic")] {
            #expect(try CompileResult(decoding: result.encoded()) == result)
        }
    }

    @Test func everyTruncationIsAnError() {
        let bytes = Self.plan.encoded()
        for count in 0..<bytes.count {
            #expect(throws: WireError.self) { try CellPlan(decoding: Array(bytes.prefix(count))) }
        }
        #expect(throws: WireError.trailing) { try CellPlan(decoding: bytes + [0]) }
    }

    @Test func falseCountsReserveNothing() {
        var writer = WireWriter()
        writer.write(UInt8(5))
        writer.write(UInt32.max)
        #expect(throws: WireError.tooLong) { try CellMessage(decoding: writer.bytes) }
    }

    @Test func randomAndMutatedBytesNeverTrap() {
        let environment = HostProcess.environment()
        let seed = environment["BULKHEAD_FUZZ_SEED"].flatMap(UInt64.init) ?? .random(in: 0 ... .max)
        let executions = 20_000 * (environment["BULKHEAD_FUZZ_FACTOR"].flatMap(Int.init) ?? 1)
        print("codec fuzz: seed \(seed)")
        var generator = SplitMix(state: seed)
        var decoded = 0
        var kinds: Set<String> = []
        var errors: Set<WireError> = []
        for _ in 0..<executions {
            var bytes = ((Self.messages + Self.requests + Self.reports).randomElement(using: &generator) ?? .dropped(1))
                .encoded()
            for _ in 0..<Int.random(in: 0...4, using: &generator) where !bytes.isEmpty {
                let index = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<3, using: &generator) {
                case 0: bytes[index] = UInt8.random(in: 0 ... .max, using: &generator)
                case 1: bytes.remove(at: index)
                default: bytes.insert(UInt8.random(in: 0 ... .max, using: &generator), at: index)
                }
            }
            // Whatever is accepted must say the same thing again.
            do throws(WireError) {
                let message = try CellMessage(decoding: bytes)
                decoded += 1
                kinds.insert(String(String(describing: message).prefix { $0 != "(" }))
                #expect((try? CellMessage(decoding: message.encoded())) == message, "seed \(seed)")
            } catch {
                errors.insert(error)
            }
        }
        print(
            "codec fuzz: \(executions) executions, \(decoded) messages of \(kinds.count) kinds, \(errors.count) errors")
        #expect(decoded > 100 && kinds.count == 13 && errors.count > 5, "seed \(seed)")
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): small, seedable, good enough to drive tests.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
