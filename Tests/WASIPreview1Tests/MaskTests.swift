// The host writes to a guest's memory only where a call says: all memory is masked before, and compared after.

import CapabilityModel
import Testing

@testable import WASIPreview1

@Suite struct MaskTests {
    /// Calls, with what they may write to, over a memory of 0xaa in which only the inputs are set.
    struct Case: CustomTestStringConvertible, Sendable {
        var name: String
        var arguments: [UInt64]
        var expected: Errno = .success
        /// What the call may write to, and only that.
        var written: [Range<Int>] = []

        var testDescription: String { "\(name) \(expected)" }
    }

    static let path: (UInt64, UInt64) = (0x100, 4)
    static let cases: [Case] = [
        Case(name: "args_sizes_get", arguments: [0x400, 0x500], written: [0x400..<0x404, 0x500..<0x504]),
        Case(name: "args_get", arguments: [0x400, 0x500], written: [0x400..<0x408, 0x500..<0x50c]),
        Case(name: "environ_sizes_get", arguments: [0x400, 0x500], written: [0x400..<0x404, 0x500..<0x504]),
        Case(name: "environ_get", arguments: [0x400, 0x500], written: [0x400..<0x404, 0x500..<0x504]),
        Case(name: "clock_res_get", arguments: [1, 0x400], written: [0x400..<0x408]),
        Case(name: "clock_time_get", arguments: [0, 0, 0x400], written: [0x400..<0x408]),
        Case(name: "clock_time_get", arguments: [8, 0, 0x400], expected: .inval),
        Case(name: "random_get", arguments: [0x400, 33], written: [0x400..<0x421]),
        Case(
            name: "fd_read", arguments: [4, 0x200, 2, 0x400],
            written: [0x400..<0x404, 0x1000..<0x1003, 0x1100..<0x1104]),
        Case(name: "fd_read", arguments: [4, 0x200, 3, 0x400], expected: .fault),
        Case(name: "fd_read", arguments: [4, 0x200, 2, 0xfffe], expected: .fault),
        Case(name: "fd_read", arguments: [9, 0x200, 2, 0x400], expected: .badf),
        Case(name: "fd_pread", arguments: [4, 0x200, 2, 5, 0x400], written: [0x400..<0x404, 0x1000..<0x1002]),
        Case(name: "fd_write", arguments: [4, 0x200, 2, 0x400], written: [0x400..<0x404]),
        Case(name: "fd_pwrite", arguments: [4, 0x200, 2, 5, 0x400], written: [0x400..<0x404]),
        Case(name: "fd_seek", arguments: [4, 1, 0, 0x400], written: [0x400..<0x408]),
        Case(name: "fd_seek", arguments: [4, 1, 7, 0x400], expected: .inval),
        Case(name: "fd_tell", arguments: [4, 0x400], written: [0x400..<0x408]),
        Case(name: "fd_fdstat_get", arguments: [4, 0x400], written: [0x400..<0x418]),
        Case(name: "fd_filestat_get", arguments: [4, 0x400], written: [0x400..<0x440]),
        Case(name: "fd_filestat_get", arguments: [4, 0xffc1], expected: .fault),
        Case(name: "fd_prestat_get", arguments: [3, 0x400], written: [0x400..<0x408]),
        Case(name: "fd_prestat_dir_name", arguments: [3, 0x400, 8], written: [0x400..<0x401]),
        Case(name: "fd_readdir", arguments: [3, 0x400, 256, 0, 0x800], written: [0x400..<0x500, 0x800..<0x804]),
        Case(name: "fd_readdir", arguments: [3, 0x400, 30, 0, 0x800], written: [0x400..<0x41e, 0x800..<0x804]),
        Case(name: "fd_advise", arguments: [4, 0, 0, 0]),
        Case(name: "fd_allocate", arguments: [4, 0, 10]),
        Case(name: "fd_sync", arguments: [4]),
        Case(name: "fd_datasync", arguments: [4]),
        Case(name: "fd_filestat_set_size", arguments: [4, 3]),
        Case(name: "fd_filestat_set_times", arguments: [4, 3, 4, 5]),
        Case(name: "fd_fdstat_set_flags", arguments: [4, 1]),
        Case(name: "fd_fdstat_set_rights", arguments: [4, 0, 0]),
        Case(name: "fd_renumber", arguments: [4, 3]),
        Case(name: "fd_close", arguments: [4]),
        Case(name: "path_open", arguments: [3, 0, 0x100, 4, 0, 2, 0, 0, 0x400], written: [0x400..<0x404]),
        Case(name: "path_open", arguments: [3, 0, 0x110, 4, 0, 2, 0, 0, 0x400], expected: .noent),
        Case(name: "path_filestat_get", arguments: [3, 0, 0x100, 4, 0x400], written: [0x400..<0x440]),
        Case(name: "path_filestat_get", arguments: [3, 0, 0x110, 4, 0x400], expected: .noent),
        Case(name: "path_filestat_set_times", arguments: [3, 0, 0x100, 4, 0, 0, 5]),
        Case(
            name: "path_readlink", arguments: [3, 0x120, 4, 0x400, 64, 0x500], written: [0x400..<0x404, 0x500..<0x504]),
        Case(name: "path_readlink", arguments: [3, 0x100, 4, 0x400, 64, 0x500], expected: .inval),
        Case(name: "path_create_directory", arguments: [3, 0x110, 4]),
        Case(name: "path_remove_directory", arguments: [3, 0x100, 4], expected: .notdir),
        Case(name: "path_unlink_file", arguments: [3, 0x100, 4]),
        Case(name: "path_rename", arguments: [3, 0x100, 4, 3, 0x110, 4]),
        Case(name: "path_link", arguments: [3, 0, 0x100, 4, 3, 0x110, 4]),
        Case(name: "path_symlink", arguments: [0x100, 4, 3, 0x110, 4]),
        Case(name: "poll_oneoff", arguments: [0x600, 0x400, 1, 0x500], written: [0x400..<0x420, 0x500..<0x504]),
        Case(name: "poll_oneoff", arguments: [0x600, 0x400, 0, 0x500], expected: .inval),
        Case(name: "proc_raise", arguments: [9], expected: .nosys),
        Case(name: "sock_accept", arguments: [5, 0, 0x400], expected: .inval),
        Case(
            name: "sock_recv", arguments: [5, 0x200, 2, 0, 0x400, 0x500],
            written: [0x400..<0x404, 0x500..<0x502, 0x1000..<0x1003, 0x1100..<0x1104]),
        Case(name: "sock_send", arguments: [5, 0x200, 2, 0, 0x400], written: [0x400..<0x404]),
        Case(name: "sock_shutdown", arguments: [5, 3]),
    ]

    @Test(arguments: cases)
    func onlyWhatTheCallSaysIsWritten(item: Case) throws {
        let scratch = try Scratch()
        scratch.write("file", "content")
        scratch.link("link", to: "file")
        let guest = try Guest(scratch)
        #expect(guest.open("file") == (.errno(.success), 4))
        let pair = try Pair.sockets()
        #expect(try guest.process.insertSocket(pair.first, call: "test.insert") == 5)
        Pair.write(pair.otherRaw, "content")
        for index in guest.memory.indices { guest.memory[index] = 0xaa }
        guest.put(Array("file".utf8), at: 0x100)
        guest.put(Array("none".utf8), at: 0x110)
        guest.put(Array("link".utf8), at: 0x120)
        for (index, piece): (Int, (UInt32, UInt32)) in [(0x1000, 3), (0x1100, 10), (0xffff, 2)].enumerated() {
            guest.put(piece.0, at: 0x200 + index * 8)
            guest.put(piece.1, at: 0x204 + index * 8)
        }
        guest.put([UInt8](repeating: 0, count: 48), at: 0x600)
        let before = guest.memory
        #expect(guest.call(item.name, item.arguments) == .errno(item.expected))
        for index in before.indices where before[index] != guest.memory[index] {
            guard item.written.contains(where: { $0.contains(index) }) else {
                Issue.record("wrote at \(index)")
                return
            }
        }
        for range in item.written {
            #expect(before[range] != guest.memory[range], "\(range) was not written")
        }
    }

    /// Every function but those without arguments that point anywhere.
    @Test func everyFunctionIsAmongTheCases() {
        let missing = Set(WASIFunctions.all.map(\.name)).subtracting(MaskTests.cases.map(\.name))
        #expect(missing == ["proc_exit", "sched_yield"])
    }
}
