// What a writer leaves in the files: order, numbers, folding, bounds, rotation, recovery.

import AuditLog
import CapabilityModel
import Glibc
import LinuxKernel
import Testing

@Suite struct WriterTests {
    @Test func linesAreNumberedChainedAndVerify() throws {
        let directory = try TemporaryDirectory()
        let writer = try AuditWriter(directory: directory.path, keyFile: directory.key)
        try writer.append(event(.policyLoaded(sources: ["a.toml", "b.toml"])))
        try writer.append(event(.started(module: "guest.wasm", moduleDigest: "00", arguments: ["x"])))
        try writer.append(denial("/etc/passwd"))
        try writer.append(event(.exited(.exited(code: 3))))
        try writer.close()
        let lines = try directory.lines()
        #expect(lines.count == 4)
        for (index, line) in lines.enumerated() { #expect(line.hasPrefix("{\"seq\":\(index + 1),\"time\":\"")) }
    }
}
