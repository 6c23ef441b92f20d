// Children: what they start with is shared, what they change is theirs, and what they open is paid for.

import CapabilityModel
import LinuxKernel
import ProcessRuntime
import Testing

@testable import WASIPreview1

/// A template with a mount at `/` and a pipe for stdout.
private func template(
    _ scratch: Scratch, fds: UInt32 = 64, quotaBytes: UInt64? = nil, rights: FileRights = .readWrite,
    within parent: WASITemplate? = nil, stdout: OpenFile? = nil, host: WASIHost = .single
) throws -> WASITemplate {
    var configuration = WASITemplate.Configuration(arguments: ["program"], environment: ["A=b"])
    configuration.limits.fds = fds
    configuration.stdio = StdioGrant(stdin: .closed, stdout: .inherit, stderr: .closed)
    var files = WASITemplate.Files(limit: fds, host: host)
    if let stdout {
        try files.setStandardStream(1, stdout, .init(isTerminal: false, isOwned: true))
    }
    try files.addMount(
        MountGrant(guestPath: "/", hostPath: scratch.path, rights: rights, quotaBytes: quotaBytes),
        directory: try Host.directory(scratch.path), within: parent)
    return WASITemplate(configuration, files)
}

@Suite struct TemplateTests {
    /// Not under ThreadSanitizer, whose malloc(3) keeps records of its own.
    @Test(.enabled(if: TestEnvironment.value("TSAN_OPTIONS") == nil))
    func aChildThatTouchesNothingCostsAlmostNothing() throws {
        let template = try template(try Scratch())
        let denials = Denials()
        let account = Account(limits: .default)
        let count = 100_000
        var children: [WASIProcess] = []
        children.reserveCapacity(count)
        let (descriptors, bytes) = (try Host.openDescriptors(), try Host.residentBytes())
        for _ in 0..<count { children.append(WASIProcess(template, account: account, denials: denials)) }
        let each = try (Host.residentBytes() - bytes) / count
        // 112 by layout; other tests allocate meanwhile. A table with its entries would be over a kilobyte.
        #expect(each <= 480, "\(each) bytes")
        print("WASI process: \(each) bytes")
        #expect(try Host.openDescriptors() <= descriptors + 64)
        #expect(account.used(.fds) == 0)
    }

    @Test func whatOneProcessChangesIsItsOwn() throws {
        let scratch = try Scratch()
        scratch.write("file", "text")
        let pipe = try Pipe()
        let (readEnd, writeEnd) = pipe.release()
        let template = try template(scratch, stdout: OpenFile(OwnedFileDescriptor(taking: writeEnd), reactor: nil))
        let (first, second) = (Guest(template), Guest(template))
        #expect(first.call("fd_fdstat_set_flags", 1, UInt64(DescriptorFlags.nonBlocking.rawValue)) == .errno(.success))
        #expect(first.call("fd_fdstat_set_rights", 3, 0, 0) == .errno(.success))
        #expect(first.open("file").0 == .errno(.notcapable))
        #expect(try second.opened("file", base: .fdRead) == 4)
        #expect(second.call("fd_fdstat_get", 1, 0x400) == .errno(.success))
        #expect(second.get(UInt16.self, at: 0x402) == 0)
        #expect(first.call("fd_close", 1) == .errno(.success))
        #expect(second.write(1, "still open") == .errno(.success))
        #expect(first.write(1, "closed") == .errno(.badf))
        _ = OwnedFileDescriptor(taking: readEnd)
    }

    @Test func listingADirectoryIsEachProcessesOwn() throws {
        let scratch = try Scratch()
        for index in 0..<50 { scratch.write("file\(index)", "") }
        let template = try template(scratch)
        let guests = [Guest(template), Guest(template)]
        var cookies: [UInt64] = [0, 0]
        var names: [Set<String>] = [[], []]
        for _ in 0..<60 {
            for (index, guest) in guests.enumerated() {
                #expect(guest.run("fd_readdir", 3, 0x1000, 60, cookies[index], 0x88) == .errno(.success))
                guard guest.get(UInt32.self, at: 0x88) >= 24 else { continue }
                let length = Int(guest.get(UInt32.self, at: 0x1010))
                names[index].insert(guest.text(at: 0x1018, min(length, 36)))
                cookies[index] = guest.get(UInt64.self, at: 0x1000)
            }
        }
        #expect(names[0].count == 52 && names[0] == names[1])
    }

    @Test func descriptorsAreChargedToEveryAncestor() throws {
        let scratch = try Scratch()
        scratch.write("file", "text")
        var limits = Limits.default
        limits.fds = 5
        let root = Account(limits: limits)
        let branch = Account(limits: limits, parent: root)
        let template = try template(scratch)
        var first: Guest? = Guest(template, account: branch)
        let second = Guest(template, account: root)
        for expected in 4...6 as ClosedRange<UInt64> {
            #expect(try first?.opened("file", base: .fdRead) == expected)
        }
        #expect(branch.used(.fds) == 3 && root.used(.fds) == 3)
        #expect(try second.opened("file", base: .fdRead) == 4)
        #expect(try second.opened("file", base: .fdRead) == 5)
        #expect(second.open("file", base: .fdRead).0 == .errno(.mfile))
        #expect(first?.open("file", base: .fdRead).0 == .errno(.mfile))
        #expect(second.denials.all.map(\.key.path) == ["limits.fds"])
        // What it started with is its template's: closing it pays nothing back.
        #expect(second.call("fd_close", 3) == .errno(.success))
        #expect(root.used(.fds) == 5)
        #expect(second.call("fd_renumber", 4, 5) == .errno(.success))
        #expect(root.used(.fds) == 4)
        first = nil
        #expect(branch.used(.fds) == 0 && root.used(.fds) == 1)
        #expect(second.call("fd_close", 5) == .errno(.success))
        #expect(root.used(.fds) == 0)
    }

    @Test func aNarrowedMountsQuotaIsPartOfTheWiderOnes() throws {
        let scratch = try Scratch()
        let wide = try template(scratch, quotaBytes: 100)
        let narrow = try template(scratch, quotaBytes: 60, within: wide)
        let (parent, child, sibling) = (Guest(wide), Guest(narrow), Guest(narrow))
        let file = try child.opened("file", mode: .create)
        #expect(child.write(file, String(repeating: "x", count: 50)) == .errno(.success))
        let other = try sibling.opened("other", mode: .create)
        #expect(sibling.write(other, String(repeating: "x", count: 11)) == .errno(.dquot))
        let third = try parent.opened("third", mode: .create)
        #expect(parent.write(third, String(repeating: "x", count: 51)) == .errno(.dquot))
        #expect(parent.write(third, String(repeating: "x", count: 45)) == .errno(.success))
        #expect(sibling.write(other, String(repeating: "x", count: 6)) == .errno(.dquot))
        // A file that another process has open keeps its bytes.
        #expect(parent.onPath("path_unlink_file", "file") == .errno(.success))
        #expect(parent.write(third, String(repeating: "x", count: 6)) == .errno(.dquot))
    }

    /// Many processes write to files of one mount at once: together they get no more than its quota.
    @Test func aQuotaHoldsWhenManyWriteAtOnce() throws {
        let scratch = try Scratch()
        let parts = try HostParts(threads: 4)
        let quota: UInt64 = 200_000
        let wakeUps = (0..<4).map { _ in LinuxKernel.Semaphore() }
        let host = parts.host { wakeUps[Int($0.rawValue)].signal() }
        let template = try template(scratch, quotaBytes: quota, host: host)
        let written = Lock<UInt64>(0)
        let threads = try (0..<4).map { index in
            ThreadOnce(
                try spawnThread(name: "guest") {
                    let guest = Guest(template, process: ProcessID(rawValue: UInt64(index)))
                    guest.waits(on: wakeUps[index])
                    guard let file = try? guest.opened("shared", mode: .create, flags: index == 0 ? .append : []) else {
                        return
                    }
                    for _ in 0..<400 {
                        if guest.write(file, String(repeating: "x", count: 300)) == .errno(.success) {
                            written.withLock { $0 += UInt64(guest.get(UInt32.self, at: 0x88)) }
                        }
                    }
                })
        }
        for thread in threads { thread.join() }
        let file = try OwnedFileDescriptor(opening: scratch.path + "/shared", flags: 0)
        let size = try FileDescriptorCalls.status(file.rawValue).size
        #expect(size <= quota)
        #expect(written.withLock { $0 } >= size)
        #expect(size > quota / 4)
        parts.pool.close()
    }
}
