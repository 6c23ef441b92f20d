// A hosted cell in the hands of a test: starts children by what they are to do, and waits for what becomes of them.

import CapabilityModel
import CellProtocol
import Foundation
import LinuxKernel
import ModuleCache
import PolicyCompiler
import Testing

@testable import CellSupervisor

final class HostedBench {
    struct TooLong: Error {
        let seen: [HostedEvent]
    }

    let cell: HostedCell
    private(set) var seen: [HostedEvent] = []
    /// Heard, and not asked for yet.
    private var unread: ArraySlice<HostedEvent> = []
    private var last: UInt64 = 0
    /// For each child, after its own.
    var environment: [String] = []
    private let log: Log

    private final class Log: RunObserver {
        var events: [AuditEvent] = []
        var deadline: UInt64? { nil }

        func event(_ event: AuditEvent) { events.append(event) }
        func tick() {}
    }

    /// The calling thread must outlive the bench.
    init(
        policy text: String = "", program: String = "bulkhead-cell", modules: [String] = ["hosted"],
        killTime: UInt64 = 60_000_000_000
    ) throws {
        let scratch = try Scratch()
        let policyText = "args = true\nstdio = { stdout = \"inherit\", stderr = \"inherit\" }\n" + text
        let document = try PolicyDocument.parse(
            text: policyText, file: "test.toml", baseDirectory: scratch.directory.path)
        let policy = try PolicyCompiler.compile([document])
        let cache = try ModuleCache(
            directory: scratch.path("cache"), keyFile: scratch.path("key/machine"),
            compilerPath: Built.program("bulkhead-compiler"))
        var code = DescriptorList()
        for name in modules {
            code.append(try cache.module(path: Built.guest(name), profile: .dense).takeCode())
        }
        let log = Log()
        self.log = log
        cell = try HostedCell(
            HostedRequest(
                name: "test", policy: policy, modules: modules.map { .init(name: $0, digest: "d-\($0)") },
                moduleCode: code),
            in: SpareCell(executable: Built.program(program)), observer: log, killTime: killTime)
    }

    var events: [AuditEvent] { log.events }

    /// A child of the guest `hosted`.
    @discardableResult
    func start(
        _ words: String..., acknowledges: Bool = false, listeners: [Int32] = [], name: String? = nil,
        limits: [ChildOrder.Narrowing] = []
    ) throws -> UInt64 {
        last += 1
        try cell.start(
            ChildOrder(
                number: last, label: "child-\(last)", module: "hosted",
                arguments: (["hosted"] + words).map { Array($0.utf8) },
                environment: (["CHILD=\(last)"] + environment).map { Array($0.utf8) }, acknowledges: acknowledges,
                registeredName: name, limits: limits), listeners: listeners)
        return last
    }

    /// The next event that this finds something in; those before it are passed over.
    @discardableResult
    func next<Value>(_ find: (HostedEvent) -> Value?) throws -> Value {
        try wait {
            while let event = unread.popFirst() {
                if let found = find(event) { return found }
            }
            return nil
        }
    }

    /// The first of all events, past ones too, that this finds something in.
    @discardableResult
    func heard<Value>(_ find: (HostedEvent) -> Value?) throws -> Value {
        var place = 0
        return try wait {
            while place < seen.count {
                place += 1
                if let found = find(seen[place - 1]) { return found }
            }
            return nil
        }
    }

    private func wait<Value>(_ look: () -> Value?) throws -> Value {
        let end = Clock.monotonicNow() + 120_000_000_000
        while true {
            if let found = look() { return found }
            guard Clock.monotonicNow() < end, seen.count < 1_000_000 else { throw TooLong(seen: seen.suffix(20)) }
            try turn(until: end)
        }
    }

    /// Waits until something happens.
    func turn(until end: UInt64 = Clock.monotonicNow() + 120_000_000_000) throws {
        if cell.death == nil {
            var entries = [PollEntry(raw: cell.descriptor, events: .read)]
            _ = try Poll.wait(&entries, deadline: min(end, cell.deadline ?? .max))
        } else if cell.deadline == nil {
            throw TooLong(seen: seen.suffix(20))
        }
        let events = cell.serve()
        seen += events
        unread += events
    }

    /// The process of a child once it has started.
    @discardableResult
    func started(_ number: UInt64) throws -> UInt64 {
        try heard { if case .started(number, let process, _) = $0 { process } else { nil } }
    }

    func ended(_ number: UInt64) throws -> ExitReason {
        try heard { if case .ended(number, let reason) = $0 { reason } else { nil } }
    }

    func failed(_ number: UInt64) throws -> ExitReason {
        try heard { if case .failed(number, let reason) = $0 { reason } else { nil } }
    }

    func died() throws -> ExitReason {
        try heard { if case .died(let reason) = $0 { reason } else { nil } }
    }

    /// Until the child has printed this.
    func printed(_ number: UInt64, _ text: String) throws {
        _ = try wait { output(of: number).contains(text) ? true : nil }
    }

    /// All that a child has printed by now.
    func output(of number: UInt64, stream: UInt8 = 1) -> String {
        let bytes = seen.flatMap { event -> [UInt8] in
            guard case .output(let output) = event, output.number == number, output.stream == stream else { return [] }
            return output.bytes
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Ends the cell, and sees it end well.
    func close() throws {
        cell.close()
        #expect(try died() == .shutdown)
    }
}
