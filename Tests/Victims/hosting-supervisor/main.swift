// A supervisor of nothing but one hosted cell: starts so many children in it, says how long that took, and waits to be
// killed. Arguments: bulkhead-cell, bulkhead-compiler, a directory of its own, a module, the number of children, and what
// each is told.

import AuditLog
import CapabilityModel
import CellProtocol
import CellSupervisor
import Glibc
import LinuxKernel
import ModuleCache
import PolicyCompiler

final class Nobody: RunObserver {
    var deadline: UInt64? { nil }
    func event(_ event: AuditEvent) {}
    func tick() {}
}

func run(_ words: [String]) throws {
    guard words.count == 7, let count = UInt64(words[5]) else { exit(64) }
    let policy = try PolicyCompiler.compile([
        PolicyDocument.parse(
            text: "args = true\nstdio = { stdout = \"inherit\", stderr = \"inherit\" }", file: "policy.toml",
            baseDirectory: words[3])
    ])
    let cache = try ModuleCache(
        directory: words[3] + "/cache", keyFile: words[3] + "/key/machine", compilerPath: words[2])
    var code = DescriptorList()
    code.append(try cache.module(path: words[4], profile: .dense).takeCode())
    let spare = try SpareCell(executable: words[1])
    let begin = Clock.monotonicNow()
    let cell = try HostedCell(
        HostedRequest(name: "test", policy: policy, modules: [.init(name: "m", digest: "")], moduleCode: code),
        in: spare, observer: Nobody())
    for number in 1...count {
        let arguments = ["m", words[6]].map { Array($0.utf8) }
        try cell.start(ChildOrder(number: number, label: "c\(number)", module: "m", arguments: arguments))
    }
    var started: UInt64 = 0
    while true {
        var entries = [PollEntry(raw: cell.descriptor, events: .read)]
        _ = try Poll.wait(&entries, deadline: cell.deadline)
        for event in cell.serve() {
            switch event {
            case .started:
                started += 1
                if started == count {
                    let time = (Clock.monotonicNow() - begin) / 1000
                    _ = try Descriptor.write(1, Array("\(cell.pid) \(time)\n".utf8).span)
                }
            case .failed, .ended, .died: exit(1)
            default: break
            }
        }
    }
}

do {
    try run(CommandLine.arguments)
} catch {
    _ = try? Descriptor.write(2, Array("\(error)\n".utf8).span)
    exit(70)
}
