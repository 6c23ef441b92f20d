// fd_readdir: whole listings, cookies, cut entries, change in between.

import CapabilityModel
import Testing

@testable import WASIPreview1

@Suite struct DirectoryTests {
    struct Entry: Equatable {
        var name: String
        var next: UInt64
        var inode: UInt64
        var type: UInt8
    }

    /// One fd_readdir into `size` bytes at 0x4000.
    private func list(_ guest: Guest, _ fd: UInt64, cookie: UInt64, size: Int) -> (entries: [Entry], isOver: Bool) {
        #expect(guest.run("fd_readdir", fd, 0x4000, UInt64(size), cookie, 0x90) == .errno(.success))
        let used = Int(guest.get(UInt32.self, at: 0x90))
        var entries: [Entry] = []
        var at = 0x4000
        while at + 24 <= 0x4000 + used {
            let length = Int(guest.get(UInt32.self, at: at + 16))
            if at + 24 + length > 0x4000 + used { break }
            entries.append(
                Entry(
                    name: guest.text(at: at + 24, length), next: guest.get(UInt64.self, at: at),
                    inode: guest.get(UInt64.self, at: at + 8), type: guest.memory[at + 20]))
            at += 24 + length
        }
        return (entries, used < size)
    }

    private func all(_ guest: Guest, _ fd: UInt64, size: Int) -> [Entry] {
        var result: [Entry] = []
        while true {
            let (entries, isOver) = list(guest, fd, cookie: result.last?.next ?? 0, size: size)
            result += entries
            if isOver || entries.isEmpty { return result }
        }
    }

    @Test(arguments: [280, 1000, 40_000])
    func everyNameComesOnce(size: Int) throws {
        let scratch = try Scratch()
        for index in 0..<300 { scratch.write("file.\(index)", "") }
        let guest = try Guest(scratch)
        for fd in [3, try guest.opened(".", mode: .directory)] {
            let names = all(guest, fd, size: size).map(\.name)
            #expect(Set(names) == Set([".", ".."] + (0..<300).map { "file.\($0)" }))
            #expect(names.count == 302)
        }
    }

    @Test func entriesTellTypeAndInode() throws {
        let scratch = try Scratch()
        scratch.write("file", "")
        let guest = try Guest(scratch)
        #expect(guest.onPath("path_create_directory", "directory") == .errno(.success))
        #expect(guest.symlink("file", "link") == .errno(.success))
        let entries = all(guest, 3, size: 4096)
        let types = Dictionary(uniqueKeysWithValues: entries.map { ($0.name, $0.type) })
        #expect(types == [".": 3, "..": 3, "file": 4, "directory": 3, "link": 7])
        // A mount's own `..` is itself, as a root's is: the host's directory above is nobody's business.
        #expect(entries.first { $0.name == ".." }?.inode == entries.first { $0.name == "." }?.inode)
        let (pointer, length) = guest.path("file")
        #expect(guest.call("path_filestat_get", 3, 0, pointer, length, 0x400) == .errno(.success))
        #expect(entries.first { $0.name == "file" }?.inode == guest.get(UInt64.self, at: 0x408))
    }

    @Test func aCookieStaysGoodWhileNamesComeAndGo() throws {
        let scratch = try Scratch()
        for index in 0..<50 { scratch.write("keep.\(index)", "") }
        let guest = try Guest(scratch)
        let first = list(guest, 3, cookie: 0, size: 400).entries
        let seen = Set(first.map(\.name))
        for name in seen where name.hasPrefix("keep") {
            #expect(guest.onPath("path_unlink_file", name) == .errno(.success))
        }
        scratch.write("new", "")
        var rest: [Entry] = []
        var cookie = first.last?.next ?? 0
        while true {
            let (entries, isOver) = list(guest, 3, cookie: cookie, size: 400)
            rest += entries
            cookie = entries.last?.next ?? cookie
            if isOver { break }
        }
        let kept = Set((0..<50).map { "keep.\($0)" }).subtracting(seen)
        #expect(kept.isSubset(of: Set(rest.map(\.name))))
        #expect(seen.isDisjoint(with: Set(rest.map(\.name))))
    }

    @Test func errorsAreTheSpecifications() throws {
        let guest = try Guest(try Scratch())
        let file = try guest.opened("file", mode: .create)
        #expect(guest.call("fd_readdir", file, 0x4000, 100, 0, 0x90) == .errno(.notdir))
        #expect(guest.call("fd_readdir", 70, 0x4000, 100, 0, 0x90) == .errno(.badf))
        #expect(guest.call("fd_readdir", 3, 0x4000, 0x1_0000, 0, 0x90) == .errno(.fault))
        #expect(guest.call("fd_readdir", 3, 0x4000, 100, 0, 0xffff) == .errno(.fault))
        #expect(guest.call("fd_readdir", 3, 0x4000, 100, 1 << 63, 0x90) == .errno(.inval))
        #expect(guest.call("fd_readdir", 3, 0x4000, 0, 0, 0x90) == .errno(.success))
        let unlisted = try guest.opened(".", base: .pathOpen)
        #expect(guest.call("fd_readdir", unlisted, 0x4000, 100, 0, 0x90) == .errno(.notcapable))
        #expect(guest.denials.all.isEmpty)
    }

    @Test func aListingOfManyNamesHandsTheThreadBack() throws {
        let scratch = try Scratch()
        let name = String(repeating: "n", count: 200)
        for index in 0..<1200 { scratch.write("\(name).\(index)", "") }
        let guest = Guest(memory: 1 << 20, parts: nil)
        try guest.mount(scratch.path, at: "/")
        guard case .wait = guest.call("fd_readdir", 3, 0x4000, 900_000, 0, 0x90) else {
            Issue.record("the whole listing came at once")
            return
        }
        #expect(guest.run("fd_readdir", 3, 0x4000, 900_000, 0, 0x90) == .errno(.success))
        var at = 0x4000
        var count = 0
        while at < 0x4000 + Int(guest.get(UInt32.self, at: 0x90)) {
            at += 24 + Int(guest.get(UInt32.self, at: at + 16))
            count += 1
        }
        #expect(count == 1202)
    }
}
